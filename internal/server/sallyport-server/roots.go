package main

// Certificate authorities for a machine that has none, such as the image: there is nothing in it but this program. A
// machine's own are used where it has some.
import _ "golang.org/x/crypto/x509roots/fallback"
