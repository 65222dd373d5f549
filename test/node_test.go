package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// nodeModules is where ./test/run installs the npm packages of test/node.
const nodeModules = "../.cache/node/node_modules"

// nodeProcess is the one Node process that holds the sockets of every test (node/client.mjs).
type nodeProcess struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when its output has ended

	mu      sync.Mutex
	stdin   io.WriteCloser
	clients map[int]*client
	last    int
}

// nodeCommand is one line to the Node process, nodeEvent one line from it.
type (
	nodeCommand struct {
		ID        int               `json:"id"`
		Do        string            `json:"do"`
		URL       string            `json:"url,omitempty"`
		Headers   map[string]string `json:"headers,omitempty"`
		Protocols []string          `json:"protocols,omitempty"`
		Data      []byte            `json:"data,omitempty"` // base64 on the line
		Binary    bool              `json:"binary,omitempty"`
		Code      int               `json:"code,omitempty"`
		Reason    string            `json:"reason,omitempty"`
	}
	nodeEvent struct {
		ID      int    `json:"id"`
		Event   string `json:"event"`
		Data    string `json:"data"`
		Binary  bool   `json:"binary"`
		Code    int    `json:"code"`
		Reason  string `json:"reason"`
		Status  int    `json:"status"`
		Message string `json:"message"`
	}
)

// node is started by TestMain, before the first test.
var node *nodeProcess

func startNode() (*nodeProcess, error) {
	cmd, err := nodeScript("node/client.mjs")
	if err != nil {
		return nil, err
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	n := &nodeProcess{cmd: cmd, stdin: stdin, ended: make(chan struct{}), clients: map[int]*client{}}
	go n.dispatch(stdout)
	return n, nil
}

// nodeScript prepares Node to run a script that can require what is installed in nodeModules.
func nodeScript(path string, args ...string) (*exec.Cmd, error) {
	modules, err := filepath.Abs(nodeModules)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("node", append([]string{path}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	return cmd, nil
}

// stop ends the process and waits for it.
func (n *nodeProcess) stop() error {
	if err := n.stdin.Close(); err != nil {
		return err
	}
	<-n.ended
	return n.cmd.Wait()
}

func (n *nodeProcess) dispatch(stdout io.Reader) {
	defer close(n.ended)
	for lines := bufio.NewReader(stdout); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return // its end; a test that still waits says what for
		}
		var event nodeEvent
		if err := json.Unmarshal(line, &event); err != nil {
			fmt.Fprintf(os.Stderr, "black box: a line of node/client.mjs is no JSON: %q\n", line)
			return
		}
		n.mu.Lock()
		c := n.clients[event.ID]
		n.mu.Unlock()
		if c != nil {
			c.inbox.put(event)
		}
	}
}

func (n *nodeProcess) do(command nodeCommand) error {
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	_, err = n.stdin.Write(append(line, '\n'))
	return err
}

func (n *nodeProcess) add(c *client) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last++
	n.clients[n.last] = c
	return n.last
}

func (n *nodeProcess) remove(id int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.clients, id)
}
