package test

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// A hundred thousand random frames, from several sockets at once, leave the server serving and no larger.
func TestRandomFrames(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws+"/?events=1") // a few random frames are good echoes

	const sockets, perRound = 5, 1000
	rounds := 20 // 100,000 frames
	if onMongoDB {
		rounds = 2 // hardly any of them gets as far as the store
	}
	storm := func(round int) {
		var wg sync.WaitGroup
		for socket := range sockets {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(uint64(round), uint64(socket)))
				if err := sendRandomFrames(srv, random, perRound); err != nil {
					t.Errorf("round %d, socket %d: %v", round, socket, err)
				}
			})
		}
		wg.Wait()
		c.pingPong() // the server answers between the storms
	}

	storm(0)
	before := residentBytes(t, srv.pid)
	for round := 1; round < rounds; round++ {
		storm(round)
	}
	// Nothing of a frame that was refused may stay: what the first storm needed is enough for the others.
	if after := residentBytes(t, srv.pid); after > before+64<<20 {
		t.Errorf("after one storm the server took %d bytes, after %d of them %d", before, rounds, after)
	}
	connect(t, srv.ws).alive()
}

// sendRandomFrames sends count frames, and comes back each time the server closes the socket, as it must
// when a frame is broken.
func sendRandomFrames(srv *server, random *rand.Rand, count int) error {
	for count > 0 {
		r, err := openRaw(srv, "?events=1") // not the echoes of the other sockets
		if err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- r.drain() }()

		broken := false
		for count > 0 && !broken {
			var batch []byte
			for range min(count, 50) {
				f, isBroken := randomFrame(random)
				batch = append(batch, f...)
				count--
				if broken = isBroken; broken {
					break // what follows would not be read
				}
			}
			r.write(batch)
		}
		if !broken {
			r.write(frameOf(opClose, []byte{0x03, 0xE8})) // 1000
		}
		if err := <-ended; err != nil {
			return err
		}
		r.close()
	}
	return nil
}

// drain reads until the server has closed the socket.
func (r *raw) drain() error {
	for {
		opcode, _, err := r.read()
		if err != nil || opcode == opClose {
			return err
		}
	}
}

// randomFrame is mostly a whole frame of damaged JSON or of random bytes; broken tells that the server must
// close the socket.
func randomFrame(random *rand.Rand) (f []byte, broken bool) {
	switch random.IntN(100) {
	case 0: // a reserved opcode
		return frameOf(0x3+byte(random.IntN(5)), randomBytes(random, 64)), true
	case 1: // a reserved bit
		f := frameOf(opText, randomBytes(random, 64))
		f[0] |= 0x10 << random.IntN(3)
		return f, true
	case 2: // a text frame that is no UTF-8
		return frameOf(opText, append(randomBytes(random, 64), 0xFF)), true
	case 3: // larger than allowed
		return append(headerOf(opText, 1<<20+random.IntN(1<<30)), 0, 0, 0, 0), true
	case 4:
		return frameOf(opPing, randomBytes(random, 125)), false
	case 5:
		return frameOf(opPong, randomBytes(random, 125)), false
	case 6:
		return frameOf(opBinary, randomBytes(random, 4096)), false
	}
	return frameOf(opBinary, damaged(random)), false
}

func randomBytes(random *rand.Rand, most int) []byte {
	p := make([]byte, random.IntN(most))
	for i := range p {
		p[i] = byte(random.Uint32())
	}
	return p
}

// damaged is a good frame with a few bytes changed, moved or cut off.
func damaged(random *rand.Rand) []byte {
	good := []string{
		`{"eventType":10,"message":"x","broadcast":false}`,
		`{"eventType":10,"message":{"a":[1,2,{"b":null}]},"broadcast":false,"requestId":"r"}`,
		`{"eventType":9,"username":"george","property":"p","val":1e5}`,
		`{"eventType":1000,"anything":["é",-0.5]}`,
	}
	p := []byte(good[random.IntN(len(good))])
	for range 1 + random.IntN(4) {
		i, j := random.IntN(len(p)), random.IntN(len(p))
		switch random.IntN(4) {
		case 0:
			p[i] = byte(random.Uint32())
		case 1:
			p[i], p[j] = p[j], p[i]
		case 2:
			p = append(p, p[min(i, j):max(i, j)]...)
		case 3:
			p = p[:i+1]
		}
	}
	return p
}
