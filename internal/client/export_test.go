package client

import "time"

// Hurry shortens the pauses between tries for a test binary that tries often.
func Hurry(first time.Duration) { firstPause = first }
