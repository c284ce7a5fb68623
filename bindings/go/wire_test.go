package larder

import (
	"net"
	"sync"
	"testing"
)

// wire stands between a client and a real server. While it is held, no byte passes: to the client, the server hangs; it
// accepts connections, as the kernel of one that hangs does, and says nothing.
type wire struct {
	listener net.Listener
	server   string
	lock     sync.Mutex
	moves    *sync.Cond
	held     bool
	cut      bool
	open     map[net.Conn]bool
}

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w := &wire{listener: listener, server: server, open: map[net.Conn]bool{}}
	w.moves = sync.NewCond(&w.lock)
	go w.accept()
	t.Cleanup(w.end)
	return w
}

func (w *wire) address() string {
	return w.listener.Addr().String()
}

func (w *wire) hold(held bool) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.held = held
	w.moves.Broadcast()
}

func (w *wire) end() {
	_ = w.listener.Close()
	w.lock.Lock()
	defer w.lock.Unlock()
	w.cut = true
	for connection := range w.open {
		_ = connection.Close()
	}
	w.moves.Broadcast()
}

// passes waits until bytes may pass; false when none will any more.
func (w *wire) passes() bool {
	w.lock.Lock()
	defer w.lock.Unlock()
	for w.held && !w.cut {
		w.moves.Wait()
	}
	return !w.cut
}

// keep notes a connection, which ends with the wire.
func (w *wire) keep(connection net.Conn) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.open[connection] = true
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.keep(client)
		go w.connect(client)
	}
}

func (w *wire) connect(client net.Conn) {
	if !w.passes() {
		return
	}
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		_ = client.Close()
		return
	}
	w.keep(server)
	go w.copy(server, client)
	w.copy(client, server)
}

func (w *wire) copy(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 1<<16)
	for {
		count, err := from.Read(buffer)
		if !w.passes() {
			return
		}
		if _, failure := to.Write(buffer[:count]); failure != nil || err != nil {
			return
		}
	}
}
