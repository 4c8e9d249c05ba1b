package main

import (
	"crypto/x509"
	"os"
	"os/exec"
	"testing"
)

// In the image there are no certificates but those in the program.
func TestRoots_a_machine_without_certificates_uses_those_of_the_program(t *testing.T) {
	if os.Getenv("WITHOUT_CERTIFICATES") != "" {
		pool, err := x509.SystemCertPool()
		if err != nil || pool.Equal(x509.NewCertPool()) {
			t.Errorf("there are none, %v", err)
		}
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^TestRoots_a_machine_without_certificates_uses_those_of_the_program$")
	c.Env = []string{"WITHOUT_CERTIFICATES=1", "SSL_CERT_FILE=/dev/null", "SSL_CERT_DIR=/dev/null"}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
