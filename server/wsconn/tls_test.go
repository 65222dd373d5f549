package wsconn

import "crypto/tls"

// insecure trusts the test server's certificate.
func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}
