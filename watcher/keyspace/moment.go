package keyspace

// Times as the picture keeps them, a third as large as a time.Time, since it has a million of them.

import "time"

// moment is a time of the local, monotonic clock as nanoseconds since the source began; 0 is no time.
type moment int64

// stamp is a time of the server's clock in microseconds since 1970; 0 is no time.
type stamp int64

// clock turns moments into times and back.
type clock struct{ epoch time.Time }

func (c clock) moment(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	if m := moment(t.Sub(c.epoch)); m != 0 {
		return m
	}
	return 1
}

func (c clock) time(m moment) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return c.epoch.Add(time.Duration(m))
}

func stampOf(t time.Time) stamp {
	if t.IsZero() {
		return 0
	}
	return stamp(t.UnixMicro())
}

func (s stamp) time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(s))
}
