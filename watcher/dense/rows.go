package dense

// Rows: values in chunks, by number.

// ChunkRows is how many values a chunk of Rows has.
const ChunkRows = 1024

// Rows keeps values by number. The numbers of removed values are given again, the last first.
// Its zero value is empty and ready.
type Rows[T any] struct {
	chunks []*[ChunkRows]T
	free   []uint32
	end    uint32 // numbers from here on were never given
}

// Add makes room for a value and gives its number and its place, which holds T's zero value.
func (r *Rows[T]) Add() (uint32, *T) {
	if n := len(r.free); n > 0 {
		row := r.free[n-1]
		r.free = r.free[:n-1]
		return row, r.At(row)
	}
	row := r.end
	if int(row/ChunkRows) == len(r.chunks) {
		r.chunks = append(r.chunks, new([ChunkRows]T))
	}
	r.end++
	return row, r.At(row)
}

// At is the value of a number that Add gave. Its address is good until the value is removed.
func (r *Rows[T]) At(row uint32) *T { return &r.chunks[row/ChunkRows][row%ChunkRows] }

// Remove gives a value up, which must be there.
func (r *Rows[T]) Remove(row uint32) {
	var zero T
	*r.At(row) = zero
	r.free = append(r.free, row)
}

// Len is how many values there are.
func (r *Rows[T]) Len() int { return int(r.end) - len(r.free) }

// End is the number after the highest that was ever given.
func (r *Rows[T]) End() uint32 { return r.end }
