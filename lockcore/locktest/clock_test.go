package locktest

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAServersClockCanBeSet(t *testing.T) {
	srv, clock := StartRedisOnClock(t)
	ahead := func() time.Duration {
		seconds, _, _ := strings.Cut(srv.CLI("TIME"), "\n")
		n, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(time.Unix(n, 0))
	}
	const slack = time.Minute
	for _, step := range []time.Duration{0, time.Hour, -3 * time.Hour, 2 * time.Hour} {
		clock.Step(step)
		if by := ahead(); (by - clock.Offset()).Abs() > slack {
			t.Errorf("set by %s to be %s ahead, the clock is %s ahead", step, clock.Offset(), by)
		}
	}
	srv.CLI("SET", "short", "x", "PX", "60000")
	clock.Step(time.Hour)
	if got := srv.CLI("GET", "short"); got != "(nil)" {
		t.Errorf("a key of a minute is %q an hour later", got)
	}
	srv.Kill()
	srv.Start()
	if by := ahead(); (by - time.Hour).Abs() > slack {
		t.Errorf("after a restart the clock is %s ahead", by)
	}
}
