// Pause holds a pod's namespaces: it waits to be ended, and collects orphans where it is a pod's first process.
//
// Called with names, it asks the pod's resolver for them instead, and prints the addresses of each on a line.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	if names := os.Args[1:]; len(names) > 0 {
		lookUp(names)
		return
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}

func lookUp(names []string) {
	for _, name := range names {
		addresses, err := net.LookupHost(name)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(name, strings.Join(addresses, " "))
	}
}
