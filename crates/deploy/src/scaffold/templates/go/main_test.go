package main

import "testing"

func TestItIsWell(t *testing.T) {
	if status, body := answer("/health"); status != 200 || body["status"] != "ok" {
		t.Fatalf("%d %v", status, body)
	}
}

func TestNothingIsNotFound(t *testing.T) {
	if status, _ := answer("/nothing"); status != 404 {
		t.Fatal(status)
	}
}
