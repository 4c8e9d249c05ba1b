// Command broken drops an error.
package main

import "os"

func main() {
	os.Chdir("/")
}
