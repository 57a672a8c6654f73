package upstash_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"locktop/lockcore/upstash"
)

// What happens to locks, as it happens. Notifications must be on: client.ConfigSet(ctx, "notify-keyspace-events", "K$gxeh").
func ExampleClient_Subscribe() {
	client, err := upstash.New(upstash.Options{URL: "https://eu1-name.upstash.io", Token: os.Getenv(upstash.TokenVariable)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	s := client.Subscribe(context.Background(), "__keyspace@0__:lock:*")
	defer s.Close()
	for {
		h, err := s.Receive()
		switch {
		case errors.Is(err, upstash.ErrNoStreams):
			fmt.Println("this server has to be polled:", err)
			return
		case err != nil:
			fmt.Println("something may have been missed from here on:", err)
			return
		case h.Subscribed > 0:
			fmt.Println("from here on nothing is missed: now is the time to read all locks")
		case h.Unclear:
			fmt.Println("some lock has changed: read all of them")
		case h.Channel != "":
			fmt.Println(h.Channel, h.Payload)
		}
	}
}
