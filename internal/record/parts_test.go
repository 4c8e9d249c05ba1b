package record_test

import (
	"strconv"
)

// parts are what the test program does as the command of a test, by name.
var parts = map[string]func(args []string) int{}

func itoa(n int) string { return strconv.Itoa(n) }
