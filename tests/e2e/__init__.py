"""The whole system at its socket. One file for each topic; `tests/run e2e test_framing` runs one of them."""
