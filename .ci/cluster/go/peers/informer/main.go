// Fills the store of an informer with the pods of a namespace, as protobuf, and prints what that took, as JSON.
//
// KUBE_FEATURE_WatchListClient, which client-go reads, says whether the list is streamed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// What a process has of memory, in KiB.
func kib(field string) (value uint64) {
	status, err := os.ReadFile("/proc/self/status")
	check(err)
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, field+":"); found {
			_, err := fmt.Sscan(rest, &value)
			check(err)
		}
	}
	return value
}

// Processor time that this process has had, user's and system's.
func processor() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	cleared := flag.Bool("cleared", false, "leave managedFields out")
	kubeconfig := flag.String("kubeconfig", "", "where the server is")
	namespace := flag.String("namespace", "", "where the pods are")
	objects := flag.Int("objects", 0, "how many there are")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	check(err)
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = config.ContentType + ",application/json"
	client, err := kubernetes.NewForConfig(config)
	check(err)
	// The connection, and code that is in memory once it has run, are no object's.
	_, err = client.CoreV1().Pods(*namespace).List(context.Background(), metav1.ListOptions{Limit: 1})
	check(err)

	resident, before, start := kib("VmRSS"), processor(), time.Now()
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(*namespace))
	informer := factory.Core().V1().Pods().Informer()
	if *cleared {
		check(informer.SetTransform(func(object any) (any, error) {
			if metadata, err := meta.Accessor(object); err == nil {
				metadata.SetManagedFields(nil)
			}
			return object, nil
		}))
	}
	stop := make(chan struct{})
	factory.Start(stop)
	if !cache.WaitForCacheSync(stop, informer.HasSynced) {
		log.Fatal("it does not come to be ready")
	}
	took, seconds := processor()-before, time.Since(start).Seconds()
	if kept := len(informer.GetStore().ListKeys()); kept != *objects {
		log.Fatalf("%d of %d objects", kept, *objects)
	}
	peak := kib("VmHWM")
	// What is garbage is no object's.
	debug.FreeOSMemory()
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"rest": kib("VmRSS") - resident, "peak": peak - resident,
		"processor_seconds": took.Seconds(), "seconds": seconds,
	}))
}
