package fault

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// Cause returns the reason that the operating system or a package of Go gives, without the names of calls, files and
// packages in front of it: people do not know them, and the caller names the file. Unwrap returns the error itself.
func Cause(err error) error {
	var file *fs.PathError
	var link *os.LinkError
	var call *os.SyscallError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &file):
		return cause{file.Err, err}
	case errors.As(err, &link):
		return cause{link.Err, err}
	case errors.As(err, &call):
		return cause{call.Err, err}
	}
	return cause{err, err}
}

// packages are the names with which packages of Go begin their errors.
var packages = strings.NewReplacer("x509: ", "", "asn1: ", "", "pem: ", "", "tls: ", "", "ecdsa: ", "", "rsa: ", "",
	"crypto/ecdh: ", "", "crypto/ecdsa: ", "", "crypto/rsa: ", "", "json: ", "", "jsontext: ", "", "base64: ", "", "hex: ", "", "yaml: ", "", "proto: ", "",
	"proto:\u00a0", "", "failed to load metadata: ", "", "tuf refresh failed: ", "", "unexpected EOF", "it ends in the middle") // protobuf writes one or the other, so that nobody relies on it

type cause struct{ reason, whole error }

func (c cause) Error() string {
	s := packages.Replace(c.reason.Error())
	if before, _, dumped := strings.Cut(s, "structure error: "); dumped {
		s = before + "structure error" // what follows are the fields of a struct of Go
	}
	return clip(s)
}

// Unwrap returns the whole error.
func (c cause) Unwrap() error { return c.whole }
