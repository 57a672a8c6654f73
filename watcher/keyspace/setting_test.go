package keyspace

import "testing"

func TestWhatIsMissingIsAddedAndWhatIsThereStays(t *testing.T) {
	for _, c := range []struct{ value, missing, completed string }{
		{"", "K$gxeh", "K$gxeh"},
		{"KEA", "", "KEA"},
		{"AKE", "", "AKE"},
		{"A", "K", "AK"},
		{"AKEn", "", "AKEn"},
		{"Ex", "K$geh", "ExK$geh"},
		{"g$hxeK", "", "g$hxeK"},
		{"KEmn", "$gxeh", "KEmn$gxeh"},
	} {
		if got := missing(c.value); got != c.missing {
			t.Errorf("%q lacks %q, should lack %q", c.value, got, c.missing)
		}
		if got := completed(c.value); got != c.completed {
			t.Errorf("%q is completed to %q, should be %q", c.value, got, c.completed)
		}
	}
}
