//go:build !unix

package file

// waitless is what opening has to be told so that it does not wait.
const waitless = 0
