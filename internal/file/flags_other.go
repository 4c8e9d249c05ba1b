//go:build !unix

package file

import "os"

// flags open for reading.
const flags = os.O_RDONLY
