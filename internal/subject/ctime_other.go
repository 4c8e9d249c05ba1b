//go:build !linux && !darwin

package subject

import "io/fs"

// changeTime is not known here; size and time of modification have to do.
func changeTime(fs.FileInfo) [2]int64 { return [2]int64{} }
