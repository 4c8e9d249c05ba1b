package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	fulciolog "github.com/sigstore/fulcio/pkg/log"
	tsalog "github.com/sigstore/timestamp-authority/v2/pkg/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
)

// A server answers on one loopback port until it is stopped.
type server struct {
	url      string
	listener net.Listener
	srv      *http.Server
	done     chan error
}

// listen serves h on a free port of 127.0.0.1, and on no other interface.
func listen(h http.Handler) (*server, error) {
	s, err := newServer(h)
	if err != nil {
		return nil, err
	}
	go func() { s.done <- s.srv.Serve(s.listener) }()
	return s, nil
}

func newServer(h http.Handler) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	return &server{
		url: "http://" + l.Addr().String(), listener: l,
		srv:  &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn)},
		done: make(chan error, 1),
	}, nil
}

// stop lets running requests end until ctx does, then cuts them off. A nil
// server has nothing to stop.
func (s *server) stop(ctx context.Context) error {
	if s == nil {
		return nil
	}
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := s.srv.Shutdown(soon)
	if err != nil {
		err = s.srv.Close()
	}
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// quiet sends the logs of every server in the process to w, or nowhere.
func quiet(w io.Writer) {
	if w == nil {
		slog.SetDefault(slog.New(slog.DiscardHandler))
		klog.SetLogger(logr.Discard())
		fulciolog.Logger = zap.NewNop().Sugar()
		tsalog.Logger = zap.NewNop().Sugar()
		return
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(w, nil)))
	klog.SetSlogLogger(slog.Default())
	core := zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()), zapcore.AddSync(w), zap.InfoLevel)
	fulciolog.Logger = zap.New(core).Named("fulcio").Sugar()
	tsalog.Logger = zap.New(core).Named("tsa").Sugar()
}
