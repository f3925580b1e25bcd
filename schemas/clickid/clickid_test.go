package clickid

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"footfall/internal/testkit"
	"footfall/schemas/ids"
	"footfall/schemas/visit"
)

func secret(seed byte) (s [32]byte) {
	for i := range s {
		s[i] = seed + byte(i)
	}
	return s
}

func set(t testing.TB, mint uint8, keys ...Key) *Keys {
	t.Helper()
	k, err := NewKeys(mint, keys)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var (
	one = Key{ID: 1, Secret: secret(1)}
	two = Key{ID: 2, Secret: secret(100)}
)

func usual() Fields {
	return Fields{
		Epoch: 0xdeadbeef01234567, Shard: 3, Sequence: 12345, TimeMS: 1_795_000_000_123, Event: 4711, Code: 99,
		State: visit.CodeResolved,
	}
}

func random(r *rand.Rand) Fields {
	return Fields{
		Epoch: ids.Epoch(r.Uint64()), Shard: uint8(r.Uint32()), Sequence: r.Uint64() & MaxSequence,
		TimeMS: int64(r.Uint64() & MaxTimeMS), Event: ids.EventID(r.Uint32()) & ids.MaxEventID, Code: ids.CodeID(r.Uint32()),
		State: visit.CodeState(r.Uint32() & 3), Ended: r.Uint32()&1 != 0, Test: r.Uint32()&1 != 0,
	}
}

// vector is one line of testdata/vectors.json, for other implementations too.
type vector struct {
	Key      uint8  `json:"key"`
	Secret   string `json:"secret"`
	Epoch    string `json:"epoch"`
	Shard    uint8  `json:"shard"`
	Sequence uint64 `json:"sequence"`
	TimeMS   int64  `json:"time_ms"`
	Event    uint32 `json:"event"`
	Code     uint32 `json:"code"`
	State    string `json:"state"`
	Ended    bool   `json:"ended"`
	Test     bool   `json:"test"`
	ClickID  string `json:"click_id"`
}

func TestVectorsDecodeForEver(t *testing.T) {
	largest := Fields{
		Epoch: 1<<64 - 1, Shard: 255, Sequence: MaxSequence, TimeMS: MaxTimeMS, Event: ids.MaxEventID, Code: 1<<32 - 1,
		State: visit.CodePaused, Ended: true, Test: true,
	}
	minted := []Fields{{}, usual(), largest}
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		minted = append(minted, random(r))
	}
	var out []vector
	for i, f := range minted {
		key := []Key{one, two, {ID: 255, Secret: secret(7)}}[i%3]
		out = append(out, vector{
			Key: key.ID, Secret: hex.EncodeToString(key.Secret[:]), Epoch: f.Epoch.String(), Shard: f.Shard, Sequence: f.Sequence,
			TimeMS: f.TimeMS, Event: uint32(f.Event), Code: uint32(f.Code), State: f.State.String(), Ended: f.Ended, Test: f.Test,
			ClickID: string(set(t, key.ID, key).Append(nil, f)),
		})
	}
	text, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "vectors.json", append(text, '\n'))
	if text, err = os.ReadFile("testdata/vectors.json"); err != nil {
		t.Fatal(err)
	}
	var stored []vector
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	for i, v := range stored {
		key := Key{ID: v.Key}
		if _, err := hex.Decode(key.Secret[:], []byte(v.Secret)); err != nil {
			t.Fatal(err)
		}
		if got, status := set(t, 0, key).Decode([]byte(v.ClickID)); status != Valid || got != minted[i] {
			t.Errorf("vector %d: got %+v, %s", i, got, status)
		}
	}
}

func TestMintedIDsAreReadBackAsTheyWere(t *testing.T) {
	k := set(t, 2, one, two)
	r := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		want := random(r)
		id := k.Append([]byte("x"), want)
		if len(id) != 1+Length {
			t.Fatalf("%d characters", len(id)-1)
		}
		if got, status := k.Decode(id[1:]); status != Valid || got != want {
			t.Fatalf("got %+v, %s, want %+v", got, status, want)
		}
	}
}

func TestAnyFlippedBitIsRefused(t *testing.T) {
	k := set(t, 1, one, two)
	f := usual()
	raw, err := base64.RawURLEncoding.DecodeString(string(k.Append(nil, f)))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		raw[bit/8] ^= 1 << (bit % 8)
		got, status := k.Decode([]byte(base64.RawURLEncoding.EncodeToString(raw)))
		if status != Forged && (bit >= 8 || status != UnknownKey) || got != (Fields{}) {
			t.Errorf("bit %d flipped: %s, %+v", bit, status, got)
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
}

func TestAnyOtherCharacterIsRefused(t *testing.T) {
	k := set(t, 1, one)
	id := k.Append(nil, usual())
	for i := range id {
		was := id[i]
		for c := range 256 {
			if id[i] = byte(c); id[i] == was {
				continue
			}
			if _, status := k.Decode(id); status == Valid {
				t.Errorf("valid with %q at %d", rune(c), i)
			} else if strings.IndexByte(alphabet, byte(c)) < 0 && status != Malformed {
				t.Errorf("%s with %q at %d", status, rune(c), i)
			}
		}
		id[i] = was
	}
}

func TestTruncatedAndForgedIDsAreRefused(t *testing.T) {
	k := set(t, 1, one)
	id := string(k.Append(nil, usual()))
	for i := range id {
		if _, status := k.Decode([]byte(id[:i])); status != Malformed {
			t.Errorf("the first %d characters are %s", i, status)
		}
	}
	for name, c := range map[string]struct {
		text string
		want Status
	}{
		"one character more":  {id + "A", Malformed},
		"line breaks within":  {id[:46] + "\r\n", Malformed},
		"padding":             {id[:47] + "=", Malformed},
		"standard alphabet":   {strings.Repeat("+/", 24), Malformed},
		"a space before":      {" " + id[:47], Malformed},
		"key id 0":            {strings.Repeat("A", 48), UnknownKey},
		"key 1 and zeroes":    {"AQ" + strings.Repeat("A", 46), Forged},
		"another key's":       {string(set(t, 2, two).Append(nil, usual())), UnknownKey},
		"the same id's key":   {string(set(t, 1, Key{ID: 1, Secret: secret(9)}).Append(nil, usual())), Forged},
		"invalid UTF-8":       {strings.Repeat("\xff", 48), Malformed},
		"another tag's plain": {id[:12] + string(k.Append(nil, Fields{Sequence: 1}))[12:], Forged},
	} {
		if got, status := k.Decode([]byte(c.text)); status != c.want || got != (Fields{}) {
			t.Errorf("%s: %s, %+v, want %s", name, status, got, c.want)
		}
	}
	// A guess is right once in 2^64: of a hundred thousand none.
	r := rand.New(rand.NewPCG(5, 6))
	guess := make([]byte, binaryBytes)
	for range 100_000 {
		for i := range guess {
			guess[i] = byte(r.Uint32())
		}
		guess[0] = 1
		if _, status := k.Decode([]byte(base64.RawURLEncoding.EncodeToString(guess))); status != Forged {
			t.Fatalf("%x is %s", guess, status)
		}
	}
}

func TestRotationLosesNoClick(t *testing.T) {
	before := set(t, 1, one)
	served := set(t, 1, one, two) // the reporter verifies with the new one first
	after := set(t, 2, one, two)
	old, fresh := before.Append(nil, usual()), after.Append(nil, usual())
	for name, c := range map[string]struct {
		keys *Keys
		id   []byte
		want Status
	}{
		"old click, before": {before, old, Valid}, "old click, between": {served, old, Valid}, "old click, after": {after, old, Valid},
		"new click, between": {served, fresh, Valid}, "new click, after": {after, fresh, Valid},
		"new click where the key isn't known yet": {before, fresh, UnknownKey},
	} {
		if _, status := c.keys.Decode(c.id); status != c.want {
			t.Errorf("%s: %s, want %s", name, status, c.want)
		}
	}
}

func TestClicksFromAKeysEndOnAreRefused(t *testing.T) {
	f := usual()
	id := set(t, 1, one).Append(nil, f)
	for ends, want := range map[int64]Status{0: Valid, f.TimeMS + 1: Valid, f.TimeMS: ExpiredKey, f.TimeMS - 1: ExpiredKey, 1: ExpiredKey} {
		ended := set(t, 1, Key{ID: 1, Secret: one.Secret, EndsMS: ends})
		got, status := ended.Decode(id)
		if status != want || (status != Valid && got != Fields{}) {
			t.Errorf("key that ends at %d: %s, %+v, want %s", ends, status, got, want)
		}
		if minted := ended.Append(nil, f); (len(minted) == Length) != (want == Valid) {
			t.Errorf("key that ends at %d mints %q", ends, minted)
		}
	}
}

func TestWhatDoesNotFitIsNotMinted(t *testing.T) {
	k := set(t, 1, one)
	for name, spoil := range map[string]func(*Fields){
		"sequence": func(f *Fields) { f.Sequence = MaxSequence + 1 },
		"time":     func(f *Fields) { f.TimeMS = MaxTimeMS + 1 },
		"negative": func(f *Fields) { f.TimeMS = -1 },
		"event":    func(f *Fields) { f.Event = ids.MaxEventID + 1 },
		"state":    func(f *Fields) { f.State = visit.CodePaused + 1 },
	} {
		f := usual()
		spoil(&f)
		if got := k.Append([]byte("x"), f); string(got) != "x" {
			t.Errorf("%s: minted %q", name, got)
		}
	}
	if got := set(t, 0, one).Append(nil, usual()); got != nil {
		t.Errorf("a set without a minting key minted %q", got)
	}
}

func TestUnusableKeysAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		mint uint8
		keys []Key
	}{
		"id 0":               {0, []Key{{Secret: secret(1)}}},
		"the same id twice":  {0, []Key{one, one}},
		"no secret":          {0, []Key{{ID: 1}}},
		"mint with no key":   {1, nil},
		"mint with a hidden": {3, []Key{one, two}},
	} {
		if _, err := NewKeys(c.mint, c.keys); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Ids of neighbouring clicks share nothing but the key's number: no character
// after the first two tells the order or the number of clicks.
func TestNeighbouringClicksShareNothing(t *testing.T) {
	k := set(t, 1, one)
	f := usual()
	raw := func() []byte {
		b, err := base64.RawURLEncoding.DecodeString(string(k.Append(nil, f)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const clicks = 2000
	differing := make([]int, binaryBytes*8)
	last := raw()
	for range clicks {
		f.Sequence++
		next := raw()
		for bit := range differing {
			differing[bit] += int((last[bit/8] ^ next[bit/8]) >> (bit % 8) & 1)
		}
		last = next
	}
	for bit, n := range differing {
		if bit < 8 && n == 0 {
			continue // the key's number
		}
		// Half, give or take seven standard deviations (22 each).
		if n < clicks/2-160 || n > clicks/2+160 {
			t.Errorf("bit %d differs in %d of %d neighbours", bit, n, clicks)
		}
	}
}

func TestMintingAllocatesNothing(t *testing.T) {
	k := set(t, 1, one)
	dst := make([]byte, 0, Length)
	f := usual()
	if n := testing.AllocsPerRun(1000, func() { k.Append(dst, f) }); n > 0 && !race {
		t.Errorf("minting allocates %v times", n)
	}
	id := k.Append(nil, f)
	if n := testing.AllocsPerRun(1000, func() { k.Decode(id) }); n > 0 && !race {
		t.Errorf("verifying allocates %v times", n)
	}
}

func TestStatusesAreNamedAsInTheLake(t *testing.T) {
	var names []string
	for s := Valid; s <= ExpiredKey+1; s++ {
		names = append(names, s.String())
	}
	if got := strings.Join(names, " "); got != "valid malformed forged unknown_key expired_key Status(5)" {
		t.Error(got)
	}
}

func FuzzDecode(f *testing.F) {
	k := set(f, 1, one, two)
	f.Add(k.Append(nil, usual()))
	f.Add([]byte("AQ" + strings.Repeat("A", 46)))
	f.Fuzz(func(t *testing.T, text []byte) {
		fields, status := k.Decode(text)
		if status != Valid {
			if fields != (Fields{}) {
				t.Fatalf("%s gives %+v", status, fields)
			}
			return
		}
		if text[0] == 'A' && text[1] == 'Q' && string(k.Append(nil, fields)) != string(text) {
			t.Fatalf("%q is valid, but no id of %+v", text, fields)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	k := set(b, 1, one)
	f := usual()
	dst := make([]byte, 0, Length)
	b.ReportAllocs()
	for b.Loop() {
		dst = k.Append(dst[:0], f)
	}
}

func BenchmarkDecode(b *testing.B) {
	k := set(b, 1, one)
	id := k.Append(nil, usual())
	b.ReportAllocs()
	for b.Loop() {
		k.Decode(id)
	}
}
