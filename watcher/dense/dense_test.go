package dense

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRowsStayWhereTheyAreAndNumbersAreGivenAgain(t *testing.T) {
	var r Rows[string]
	places := map[uint32]*string{}
	for i := range 3 * ChunkRows {
		row, p := r.Add()
		*p = fmt.Sprint(i)
		places[row] = p
	}
	for row, p := range places {
		if r.At(row) != p {
			t.Fatalf("row %d has moved", row)
		}
	}
	r.Remove(7)
	if r.Len() != 3*ChunkRows-1 {
		t.Errorf("after one was removed there are %d", r.Len())
	}
	if row, p := r.Add(); row != 7 || *p != "" || r.Len() != 3*ChunkRows || r.End() != 3*ChunkRows {
		t.Errorf("row %d is given again with %q, there are %d of %d", row, *p, r.Len(), r.End())
	}
}

func TestAnIndexFindsWhatAMapFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rows Rows[string]
		x, model := NewIndex(func(row uint32) string { return *rows.At(row) }), map[string]uint32{}
		key := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("k%d", rapid.IntRange(0, 300).Draw(t, "key")) })
		for range rapid.IntRange(0, 600).Draw(t, "steps") {
			k := key.Draw(t, "k")
			row, found := x.Find(k)
			want, there := model[k]
			if found != there || row != want {
				t.Fatalf("%s is found as %d, %v; should be %d, %v", k, row, found, want, there)
			}
			switch rapid.IntRange(0, 2).Draw(t, "do") {
			case 0, 1:
				if !there {
					row, p := rows.Add()
					*p = k
					x.Insert(row)
					model[k] = row
				}
			default:
				if x.Delete(k) != there {
					t.Fatalf("%s is deleted: %v", k, !there)
				}
				if there {
					rows.Remove(want)
					delete(model, k)
				}
			}
			if x.Len() != len(model) {
				t.Fatalf("there are %d, should be %d", x.Len(), len(model))
			}
		}
		for k, want := range model {
			if row, ok := x.Find(k); !ok || row != want {
				t.Fatalf("%s is found as %d, %v", k, row, ok)
			}
		}
	})
}

func TestAnOrderIsWhatSortingGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, model := NewOrder(func(a, b uint32) int { return cmp.Compare(a, b) }), map[uint32]bool{}
		// Runs of rows, so that blocks fill, split, empty and join.
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			from, n := rapid.Uint32Range(0, 3000).Draw(t, "from"), rapid.Uint32Range(1, 1500).Draw(t, "n")
			step, insert := rapid.Uint32Range(1, 3).Draw(t, "step"), rapid.IntRange(0, 2).Draw(t, "do") > 0
			for i := range n {
				row := from + i*step
				switch {
				case !insert:
					if o.Delete(row) != model[row] {
						t.Fatalf("%d is deleted: %v", row, !model[row])
					}
					delete(model, row)
				case !model[row]:
					o.Insert(row)
					model[row] = true
				}
			}
		}
		want := slices.Sorted(maps.Keys(model))
		var got, backward []uint32
		c := o.First()
		for row, ok := c.Next(); ok; row, ok = c.Next() {
			got = append(got, row)
		}
		c = o.Last()
		for row, ok := c.Previous(); ok; row, ok = c.Previous() {
			backward = append(backward, row)
		}
		slices.Reverse(backward)
		if !slices.Equal(got, want) || !slices.Equal(backward, want) || o.Len() != len(want) {
			t.Fatalf("the order is %v, and backward %v; should be %v", got, backward, want)
		}
		ask := rapid.Uint32Range(0, 8000).Draw(t, "ask")
		rank, _ := slices.BinarySearch(want, ask)
		c = o.Before(ask)
		next, ok := c.Next()
		if o.Before(ask).Rank() != rank || ok != (rank < len(want)) || ok && next != want[rank] {
			t.Fatalf("before %d are %d, then comes %d; should be %d", ask, o.Before(ask).Rank(), next, rank)
		}
	})
}

// The bytes that a row takes, of an index and of an order beside a map and a sorted slice, and the time of one insertion.
func BenchmarkAMillion(b *testing.B) {
	const n = 1_000_000
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("lock:customer_%07d", i*7919%n)
	}
	bytes := func(b *testing.B, fill func() any) {
		for b.Loop() {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			keep := fill()
			runtime.GC()
			runtime.ReadMemStats(&after)
			runtime.KeepAlive(keep)
			b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/n, "B/row")
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
	}
	b.Run("index", func(b *testing.B) {
		bytes(b, func() any {
			x := NewIndex(func(row uint32) string { return keys[row] })
			for i := range keys {
				x.Insert(uint32(i))
			}
			return x
		})
	})
	b.Run("map", func(b *testing.B) {
		bytes(b, func() any {
			x := map[string]uint32{}
			for i, k := range keys {
				x[k] = uint32(i)
			}
			return x
		})
	})
	b.Run("order", func(b *testing.B) {
		bytes(b, func() any {
			o := NewOrder(func(a, b uint32) int { return strings.Compare(keys[a], keys[b]) })
			for i := range keys {
				o.Insert(uint32(i))
			}
			return o
		})
	})
}
