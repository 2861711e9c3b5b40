// Command server is the peer that double-booked is measured against: GetConflicts as a plain
// service on grpc-go. It has no metrics, no log, no limits and no validation, compares whole
// seconds, and leaves events that start together in no fixed order. It prints its port and serves until its standard input ends.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"os"
	"slices"

	"double-booked/peer/scheduling"

	"google.golang.org/grpc"
)

type service struct {
	scheduling.UnimplementedConflictServiceServer
}

// GetConflicts returns the groups of events that overlap, directly or through one another.
func (service) GetConflicts(_ context.Context, list *scheduling.EventList) (*scheduling.ConflictList, error) {
	events := list.GetEvents()
	slices.SortFunc(events, func(a, b *scheduling.Event) int {
		return cmp.Compare(a.GetStart().GetSeconds(), b.GetStart().GetSeconds())
	})
	answer := &scheduling.ConflictList{}
	first, reach := 0, int64(math.MinInt64)
	for i, event := range events {
		if event.GetStart().GetSeconds() >= reach {
			addGroup(answer, events[first:i])
			first = i
		}
		reach = max(reach, event.GetEnd().GetSeconds())
	}
	addGroup(answer, events[first:])
	return answer, nil
}

func addGroup(answer *scheduling.ConflictList, group []*scheduling.Event) {
	if len(group) > 1 {
		answer.Conflicts = append(answer.Conflicts, &scheduling.ConflictGroup{ConflictGroup: group})
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	scheduling.RegisterConflictServiceServer(server, service{})
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
