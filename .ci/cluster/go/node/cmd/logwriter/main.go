// logwriter writes numbered lines, so that a reader can tell a lost line from a doubled one.
//
//	logwriter -lines 1000000              a million lines as fast as they are taken
//	logwriter -lines 10 -interval 1s      one a second
//	logwriter -lines 100 -width 2000      each filled up to 2,000 bytes
//	logwriter -lines 5 -stderr -exit 3    to stderr, then exit code 3
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	lines := flag.Int("lines", 10, "how many lines; 0 for no end")
	interval := flag.Duration("interval", 0, "pause after each line")
	width := flag.Int("width", 0, "least bytes of a line, its newline not counted")
	prefix := flag.String("prefix", "line", "text before the number")
	stderr := flag.Bool("stderr", false, "write to stderr instead of stdout")
	exit := flag.Int("exit", 0, "exit code at the end")
	flag.Parse()

	file := os.Stdout
	if *stderr {
		file = os.Stderr
	}
	out := bufio.NewWriterSize(file, 64<<10)
	for n := 0; *lines == 0 || n < *lines; n++ {
		line := fmt.Appendf(nil, "%s %d", *prefix, n)
		if missing := *width - len(line); missing > 0 {
			line = append(line, ' ')
			line = append(line, bytes.Repeat([]byte("x"), missing-1)...)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			os.Exit(1)
		}
		if *interval > 0 {
			if out.Flush() != nil {
				os.Exit(1)
			}
			time.Sleep(*interval)
		}
	}
	if out.Flush() != nil {
		os.Exit(1)
	}
	os.Exit(*exit)
}
