package mongo_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/mongo"
	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// TLS is a matter of the URI: a server that shows a certificate of the named
// authority is spoken to, another is not.
func TestTLS(t *testing.T) {
	t.Parallel()
	files := certificate(t)
	server := secantus.Start(t, secantus.Options{TLS: files})
	s := openAt(t, "mongodb://"+server.Host()+"/?replicaSet=secantus&tls=true&tlsCAFile="+files.CAFile, "gatehouse")
	feed, err := s.Watch(t.Context(), store.Start{}, "c")
	must(t, err)
	defer feed.Close()
	must(t, s.Apply(t.Context(), store.Insert("c", bson.D{})))
	_, err = feed.Next(t.Context())
	must(t, err)

	for name, uri := range map[string]string{
		"an unknown authority": "mongodb://" + server.Host() + "/?replicaSet=secantus&tls=true",
		"no TLS":               "mongodb://" + server.Host() + "/?replicaSet=secantus",
	} {
		s, err := mongo.Open(mongo.Options{URI: uri + "&serverSelectionTimeoutMS=1000", Database: "gatehouse"})
		must(t, err)
		if err := s.Declare(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
		must(t, s.Close())
	}
}

// certificate makes an authority and a certificate for 127.0.0.1.
func certificate(t *testing.T) secantus.TLS {
	t.Helper()
	folder := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(folder, name)
		must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		return key
	}
	authorityKey, key := newKey(), newKey()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	must(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
	}, authority, key.Public(), authorityKey)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return secantus.TLS{
		CertFile: write("cert.pem", "CERTIFICATE", der),
		KeyFile:  write("key.pem", "PRIVATE KEY", keyDER),
		CAFile:   write("ca.pem", "CERTIFICATE", authorityDER),
	}
}
