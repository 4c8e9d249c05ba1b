package lab

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// apiOfGitHub is where GitHub's API is in production.
const apiOfGitHub = "https://api.github.com"

// ownServer is an enterprise server of one's own: the toy once more, under another name.
const ownServer = "code.example"

// namedHosts answers for the platforms under the names that they have in
// production. A command reaches it as it would reach them in a company whose
// proxy looks into every connection: HTTPS_PROXY names the proxy and
// SSL_CERT_FILE the authority of its certificates. Other hosts are refused.
type namedHosts struct {
	proxy, tls string // addresses
	file       string // the authority's certificate
}

// startNames starts the proxy and what answers behind it.
func (l *Lab) startNames(github, gitlab http.Handler) error {
	instance := func(issuer string) http.Handler {
		keys := http.NewServeMux()
		own := l.front.door("issuer", l.issuers.gitlab.handler(issuer))
		keys.Handle("/.well-known/", own)
		keys.Handle("/oauth/discovery/keys", own)
		keys.Handle("/", gitlab)
		return keys
	}
	hosts := map[string]http.Handler{
		hostOf(gitHubIssuer): l.front.door("issuer", l.issuers.github.handler(gitHubIssuer)),
		hostOf(otherIssuer):  instance(otherIssuer),
		hostOf(apiOfGitHub):  below("/api/v3", github),
		hostOf(gitLabIssuer): instance(gitLabIssuer),
		ownServer:            github,
	}
	config, err := l.certificates(hosts)
	if err != nil {
		return err
	}
	behind, err := listenTLS(config, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		hosts[host].ServeHTTP(w, r) // the certificate has no other name
	}))
	if err != nil {
		return err
	}
	l.onStop(behind.stop)
	l.names.tls = strings.TrimPrefix(behind.url, "https://")
	proxy, err := listen(l.names.tunnel(hosts))
	if err != nil {
		return err
	}
	l.onStop(proxy.stop)
	l.names.proxy = proxy.url
	return nil
}

// below serves h what is asked for at the root.
func below(path string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		if r.URL.RawPath != "" {
			r.URL.RawPath = path + r.URL.RawPath
		}
		r.URL.Path = path + r.URL.Path
		h.ServeHTTP(w, r)
	})
}

// certificates issues one certificate for all hosts and writes its authority
// where commands find it.
func (l *Lab) certificates(hosts map[string]http.Handler) (*tls.Config, error) {
	since := time.Now().Add(-time.Minute)
	a, err := newAuthority("names", x509.ExtKeyUsageServerAuth, since)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		NotBefore: since, NotAfter: since.AddDate(0, 1, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for host := range hosts {
		t.DNSNames = append(t.DNSNames, host)
	}
	leaf, err := issue(&a.intermediate, t)
	if err != nil {
		return nil, err
	}
	l.names.file = filepath.Join(l.Dir, "names.pem")
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.cert.Raw})
	if err := os.WriteFile(l.names.file, root, 0o600); err != nil {
		return nil, fmt.Errorf("writing the lab's authority of names: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{
		Certificate: [][]byte{leaf.cert.Raw, a.intermediate.cert.Raw}, PrivateKey: leaf.key,
	}}}, nil
}

// tunnel is the proxy: it connects to the hosts that the lab answers for.
func (n *namedHosts) tunnel(hosts map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, port, _ := net.SplitHostPort(r.Host)
		if r.Method != http.MethodConnect || port != "443" || hosts[host] == nil {
			http.Error(w, "the lab does not leave this machine", http.StatusForbidden)
			return
		}
		there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", n.tls)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = there.Close() // nobody uses it
			return
		}
		go connect(here, there)
	})
}

// connect carries bytes both ways until one side ends.
func connect(here, there net.Conn) {
	defer here.Close()
	defer there.Close()
	if _, err := io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(there, here) // an end, of whatever kind
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
}

// listenTLS is listen with certificates.
func listenTLS(config *tls.Config, h http.Handler) (*server, error) {
	s, err := newServer(h)
	if err != nil {
		return nil, err
	}
	s.url = "https://" + s.listener.Addr().String()
	go func() { s.done <- s.srv.Serve(tls.NewListener(s.listener, config)) }()
	return s, nil
}
