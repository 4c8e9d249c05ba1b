package subject

import (
	"io/fs"
	"syscall"
)

// changeTime returns when the file's content or attributes were last changed;
// unlike the time of modification, no program can set it.
func changeTime(info fs.FileInfo) [2]int64 {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return [2]int64{}
	}
	return [2]int64{int64(s.Ctim.Sec), int64(s.Ctim.Nsec)} //nolint:unconvert // narrower on some architectures
}
