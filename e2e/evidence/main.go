// Command hello is what the sample releases.
package main

import (
	"fmt"
	"net/url"
	"os"
)

func main() {
	for _, name := range os.Args[1:] {
		fmt.Println(link(name))
	}
}

// link is the page of a name.
func link(name string) string { return "https://hello.example/" + url.PathEscape(name) }
