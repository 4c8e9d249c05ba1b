package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"time"
)

// balance is a load balancer at one address: each request goes to the first server behind it that takes a connection.
func balance(args []string, _ io.Writer) error {
	if len(args) < 2 { //nolint:mnd // see the usage
		return fmt.Errorf("usage: sallyport-lab balance ADDRESS SERVER…")
	}
	const soon, head = time.Second, 5 * time.Second
	up := func() string {
		for _, s := range args[1:] {
			if c, err := net.DialTimeout("tcp", s, soon); err == nil { //nolint:gosec // a server that the arguments name
				_ = c.Close()
				return s
			}
		}
		return args[1] // the proxy tells that nobody answers
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", up(), r.In.Host
	}}
	s := &http.Server{Addr: args[0], Handler: proxy, ReadHeaderTimeout: head}
	return s.ListenAndServe()
}
