// What bench/peers/etcd.py measures of etcd: its own recipe of a lock, clientv3/concurrency.Mutex, and the put that it stands on.
//
//	etcd-peer worker ENDPOINTS LOCK THREADS HOLD-MS   contends as `dlock-bench worker` does, with the same lines on stdin and stdout
//	etcd-peer pairs ENDPOINTS THREADS MS              one line: puts/s, their median in us, pairs/s, their median in us
//
// Each goroutine has a session of its own, as the recipe demands: two mutexes of one session would be one.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"
)

const ttl = 30 // seconds, as for dlock

// Nanoseconds of CLOCK_BOOTTIME, which can be compared between processes.
func now() int64 {
	const boottime = 7
	var t syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, boottime, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}

func must(err error) {
	if err != nil {
		log.Fatal("etcd-peer: ", err)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	must(err)
	return n
}

func connect(endpoints string) *clientv3.Client {
	c, err := clientv3.New(clientv3.Config{
		Endpoints: strings.Split(endpoints, ","), DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	must(err)
	return c
}

func session(c *clientv3.Client) *concurrency.Session {
	s, err := concurrency.NewSession(c, concurrency.WithTTL(ttl))
	must(err)
	return s
}

type grant struct{ token, asked, acquired, releasing int64 }

func contend(s *concurrency.Session, lock string, hold time.Duration, begin, end int64) []grant {
	var out []grant
	m := concurrency.NewMutex(s, lock)
	time.Sleep(time.Duration(begin - now()))
	for now() < end {
		g := grant{asked: now()}
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(end-g.asked))
		err := m.Lock(ctx)
		cancel()
		if err != nil {
			continue // the window is over
		}
		g.acquired = now()
		g.token = m.Header().Revision
		time.Sleep(hold)
		g.releasing = now()
		must(m.Unlock(context.Background()))
		out = append(out, g)
	}
	return out
}

func worker(endpoints, lock string, threads, holdMs int) {
	c := connect(endpoints)
	var sessions []*concurrency.Session
	for i := 0; i < threads; i++ {
		sessions = append(sessions, session(c))
	}
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var begin, end int64
		_, err := fmt.Sscan(in.Text(), &begin, &end)
		must(err)
		var guard sync.Mutex
		var all []grant
		var running sync.WaitGroup
		for _, s := range sessions {
			running.Add(1)
			go func(s *concurrency.Session) {
				defer running.Done()
				own := contend(s, lock, time.Duration(holdMs)*time.Millisecond, begin, end)
				guard.Lock()
				all = append(all, own...)
				guard.Unlock()
			}(s)
		}
		running.Wait()
		out := bufio.NewWriter(os.Stdout)
		for _, g := range all {
			fmt.Fprintln(out, g.token, g.asked, g.asked, g.acquired, g.releasing)
		}
		fmt.Fprintln(out, "done")
		must(out.Flush())
	}
}

// How often a second, and the median in microseconds.
func repeat(threads int, length time.Duration, what func(thread int)) (float64, float64) {
	var guard sync.Mutex
	var all []float64
	var running sync.WaitGroup
	start := time.Now()
	for t := 0; t < threads; t++ {
		running.Add(1)
		go func(t int) {
			defer running.Done()
			var own []float64
			for time.Since(start) < length {
				before := time.Now()
				what(t)
				own = append(own, float64(time.Since(before).Nanoseconds())/1000)
			}
			guard.Lock()
			all = append(all, own...)
			guard.Unlock()
		}(t)
	}
	running.Wait()
	rate := float64(len(all)) / time.Since(start).Seconds()
	sort.Float64s(all)
	return rate, all[len(all)/2]
}

func pairs(endpoints string, threads, ms int) {
	c := connect(endpoints)
	var mutexes []*concurrency.Mutex
	for i := 0; i < threads; i++ {
		mutexes = append(mutexes, concurrency.NewMutex(session(c), fmt.Sprintf("/uncontended/%d", i)))
	}
	length := time.Duration(ms) * time.Millisecond
	ctx := context.Background()
	put := func(t int) {
		_, err := c.Put(ctx, fmt.Sprintf("/raw/%d", t), strconv.FormatInt(now(), 10))
		must(err)
	}
	pair := func(t int) {
		must(mutexes[t].Lock(ctx))
		must(mutexes[t].Unlock(ctx))
	}
	repeat(threads, length/4, put)
	repeat(threads, length/4, pair)
	puts, putUs := repeat(threads, length, put)
	rate, us := repeat(threads, length, pair)
	fmt.Println(puts, putUs, rate, us)
}

func main() {
	log.SetFlags(0)
	a := os.Args[1:]
	switch {
	case len(a) == 5 && a[0] == "worker":
		worker(a[1], a[2], number(a[3]), number(a[4]))
	case len(a) == 4 && a[0] == "pairs":
		pairs(a[1], number(a[2]), number(a[3]))
	default:
		log.Fatal("usage: etcd-peer worker ENDPOINTS LOCK THREADS HOLD-MS | pairs ENDPOINTS THREADS MS")
	}
}
