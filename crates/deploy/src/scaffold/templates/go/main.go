// {{name}} answers on $HOST:$PORT, tells how it is at /health, and ends in order on SIGTERM.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// answer gives the status and the body for a path.
func answer(path string) (int, map[string]string) {
	switch path {
	case "/health":
		return http.StatusOK, map[string]string{"status": "ok"}
	case "/":
		return http.StatusOK, map[string]string{"hello": "{{name}}"}
	}
	return http.StatusNotFound, map[string]string{"error": "there is nothing here"}
}

func handle(w http.ResponseWriter, r *http.Request) {
	status, body := answer(r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Printf("an answer could not be sent: %v", err)
	}
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server := &http.Server{
		Addr:              net.JoinHostPort(setting("HOST", "127.0.0.1"), setting("PORT", "{{port}}")),
		Handler:           http.HandlerFunc(handle),
		ReadHeaderTimeout: 10 * time.Second,
	}
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		// Requests that began are finished before the program ends.
		limit, cancel := context.WithTimeout(context.Background(), 9*time.Second)
		defer cancel()
		ended <- server.Shutdown(limit)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
}
