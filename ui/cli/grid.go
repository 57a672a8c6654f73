package cli

// Aligned columns of text, for people and for pipes: no colours, no lines, nothing cut off.

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// grid is rows of cells; the first row is the header.
type grid [][]string

// String pads every column to its widest cell, and ends each row without blanks.
func (g grid) String() string {
	var widths []int
	for _, row := range g {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	var b strings.Builder
	for _, row := range g {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(padded(cell, widths[i]+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// padded fills a cell up to a width in columns of the terminal.
func padded(cell string, width int) string {
	return cell + strings.Repeat(" ", max(width-ansi.StringWidth(cell), 0))
}
