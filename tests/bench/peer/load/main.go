// Command load calls a server over one connection. Each line on its standard input starts a
// run, and each run prints a line of JSON. The messages are sent as they are in the file,
// where a length of four bytes precedes each of them, and answers are not parsed: the caller must
// be cheaper than the server.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

const service = "/Scheduling.ConflictService/"

var (
	port     = flag.Int("port", 0, "where the server listens")
	inFlight = flag.Int("in-flight", 1, "calls at a time")
	seconds  = flag.Float64("seconds", 1, "how long a run is")
	feed     = flag.Bool("feed", false, "send the messages as one feed instead of one call each")
)

// run is the result of a run of calls, or of the messages of a feed. A feed has no latencies.
type run struct {
	Calls   int     `json:"calls"`
	Seconds float64 `json:"seconds"`
	Errors  int     `json:"errors"`
	Error   string  `json:"error"`
	P50     float64 `json:"p50_ms,omitzero"`
	P99     float64 `json:"p99_ms,omitzero"`
	Max     float64 `json:"max_ms,omitzero"`
}

// raw is a codec for bytes that are already serialized.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(message.([]byte))}, nil
}

func (raw) Unmarshal(mem.BufferSlice, any) error { return nil }

// call makes calls for a duration, some at a time, and waits for all of them.
func call(connection *grpc.ClientConn, messages [][]byte) run {
	var callers sync.WaitGroup
	times := make([][]time.Duration, *inFlight)
	failures := make([]error, *inFlight)
	failed := make([]int, *inFlight)
	begin := time.Now()
	until := begin.Add(time.Duration(*seconds * float64(time.Second)))
	for caller := range *inFlight {
		callers.Go(func() {
			for number := caller; ; number++ {
				sent := time.Now()
				if number > caller && sent.After(until) {
					return
				}
				message := messages[number%len(messages)]
				if err := connection.Invoke(context.Background(), service+"GetConflicts", message, nil); err != nil {
					failures[caller] = err
					failed[caller]++
				}
				times[caller] = append(times[caller], time.Since(sent))
			}
		})
	}
	callers.Wait()
	made := run{Seconds: time.Since(begin).Seconds()}
	for _, each := range failed {
		made.Errors += each
	}
	if err := errors.Join(failures...); err != nil {
		made.Error = err.Error()
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	made.Calls = len(all)
	made.P50, made.P99, made.Max = percentile(all, 50), percentile(all, 99), percentile(all, 100)
	return made
}

// percentile returns a percentile in milliseconds by the nearest rank.
func percentile(sorted []time.Duration, percent int) float64 {
	rank := (len(sorted)*percent + 99) / 100
	return sorted[rank-1].Seconds() * 1e3
}

// sendFeed sends the messages as one feed, and reads all answers.
func sendFeed(connection *grpc.ClientConn, messages [][]byte) run {
	begin := time.Now()
	err := exchange(connection, messages)
	made := run{Calls: len(messages), Seconds: time.Since(begin).Seconds()}
	if err != nil {
		made.Errors, made.Error = 1, err.Error()
	}
	return made
}

func exchange(connection *grpc.ClientConn, messages [][]byte) error {
	kind := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := connection.NewStream(context.Background(), kind, service+"SweepConflicts")
	if err != nil {
		return err
	}
	go func() {
		for _, message := range messages {
			if stream.SendMsg(message) != nil {
				return // RecvMsg returns the error
			}
		}
		stream.CloseSend()
	}()
	for err == nil {
		err = stream.RecvMsg(nil)
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// readMessages splits a file into its messages.
func readMessages(path string) ([][]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var messages [][]byte
	for len(content) > 0 {
		end := 4 + int(binary.BigEndian.Uint32(content))
		messages = append(messages, content[4:end])
		content = content[end:]
	}
	return messages, nil
}

func main() {
	flag.Parse()
	messages, err := readMessages(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	connection, err := grpc.NewClient(
		fmt.Sprintf("127.0.0.1:%d", *port),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{})),
	)
	if err != nil {
		log.Fatal(err)
	}
	start := call
	if *feed {
		start = sendFeed
	}
	printed := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		printed.Encode(start(connection, messages))
	}
}
