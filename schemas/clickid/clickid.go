// Package clickid mints and verifies the click id: 48 characters that a link
// hands on to the ticketing site, and that come back with an order.
//
// Its invariant: an id decodes as Valid only where a holder of the key minted
// it, byte for byte. It says nothing to anyone without the key: all but the
// key's number is a random-looking tag and ciphertext, so neither the number
// of visits nor their order can be read from ids. It refuses to mint what
// doesn't fit, and to give any field of an id that doesn't verify.
//
// The 36 bytes, in base64url without padding:
//
//	0        1                 9                              36
//	| key id | tag (SipHash-2-4) | 27 bytes, AES-128 encrypted |
//
// The tag is over key id and plain bytes, and is the nonce of the encryption
// (the construction of RFC 5297's synthetic IV, with a short tag): equal ids
// are equal visits, and nothing else repeats.
package clickid

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/dchest/siphash"

	"footfall/schemas/ids"
	"footfall/schemas/visit"
)

// Length is the number of characters of a click id.
const Length = 48

const (
	alphabet    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	binaryBytes = 36
	tagBytes    = 8
	plainBytes  = 27
	blockBytes  = aes.BlockSize
)

// Bounds of the fields that are narrower in the id than in Go. Append mints
// nothing beyond them.
const (
	// MaxSequence is the largest sequence: at 100,000 visits a second a shard
	// reaches it after four months without a restart.
	MaxSequence = 1<<40 - 1
	// MaxTimeMS is in the year 2109.
	MaxTimeMS = 1<<42 - 1
)

// Key is one key of the installation. Both minting and verifying take all of
// it: bytes 0–15 of Secret key the tag, bytes 16–31 the encryption.
type Key struct {
	ID     uint8 // from 1
	Secret [32]byte
	EndsMS int64 // clicks at or after it are refused; 0: valid for ever
}

// Keys is a set of keys, immutable and safe for concurrent use.
type Keys struct {
	mint    *key
	byID    [256]*key
	pairs   [1 << 12]uint16 // the two characters of 12 bits: twice as fast as one by one
	scratch sync.Pool       // of *[2*blockBytes]byte
}

type key struct {
	id     uint8
	k0, k1 uint64
	block  cipher.Block
	endsMS int64
}

// NewKeys makes a set of keys that mints with the key of id mint; 0 is a set
// that only verifies. The error is ErrKey.
func NewKeys(mint uint8, keys []Key) (*Keys, error) {
	set := &Keys{}
	for i := range set.pairs {
		set.pairs[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&63])<<8
	}
	set.scratch.New = func() any { return new([2 * blockBytes]byte) }
	for i := range keys {
		k := &keys[i]
		if k.ID == 0 {
			return nil, fmt.Errorf("adding a key: %w: ids start at 1", ErrKey)
		}
		if set.byID[k.ID] != nil {
			return nil, fmt.Errorf("adding key %d: %w: it is there twice", k.ID, ErrKey)
		}
		if k.Secret == [32]byte{} {
			return nil, fmt.Errorf("adding key %d: %w: its secret is all zero", k.ID, ErrKey)
		}
		block, err := aes.NewCipher(k.Secret[16:])
		if err != nil {
			return nil, fmt.Errorf("adding key %d: %w", k.ID, err)
		}
		set.byID[k.ID] = &key{
			id:     k.ID,
			k0:     binary.LittleEndian.Uint64(k.Secret[0:]),
			k1:     binary.LittleEndian.Uint64(k.Secret[8:]),
			block:  block,
			endsMS: k.EndsMS,
		}
	}
	if mint != 0 {
		if set.mint = set.byID[mint]; set.mint == nil {
			return nil, fmt.Errorf("minting with key %d: %w: it is not in the set", mint, ErrKey)
		}
	}
	return set, nil
}

// Fields is what a click id says.
type Fields struct {
	Epoch    ids.Epoch
	Shard    uint8
	Sequence uint64 // ≤ MaxSequence
	TimeMS   int64  // of the visit's record, ≥ 0, ≤ MaxTimeMS
	Event    ids.EventID
	Code     ids.CodeID // 0: none
	State    visit.CodeState
	Ended    bool
	Test     bool
}

func (f *Fields) fit() bool {
	return f.Sequence <= MaxSequence && uint64(f.TimeMS) <= MaxTimeMS &&
		f.Event <= ids.MaxEventID && f.State <= visit.CodePaused
}

// Append appends the id of the click, Length characters, without allocating
// where dst has room. It appends nothing where the set has no key to mint
// with, the key has ended, or a field doesn't fit: a redirect without an id is
// better than an id of another visit.
func (k *Keys) Append(dst []byte, f Fields) []byte {
	m := k.mint
	if m == nil || !f.fit() || (m.endsMS != 0 && f.TimeMS >= m.endsMS) {
		return dst
	}
	var id [binaryBytes + 2]byte // 2: encode reads words
	id[0] = m.id
	plain := id[1+tagBytes : binaryBytes]
	f.put(plain)
	tag := m.tag(id[0], plain)
	binary.LittleEndian.PutUint64(id[1:], tag)
	k.crypt(m, tag, plain)
	n := len(dst)
	dst = append(dst, make([]byte, Length)...)
	k.encode(dst[n:], &id)
	return dst
}

// encode writes base64url, six bytes to eight characters at a time.
func (k *Keys) encode(dst []byte, id *[binaryBytes + 2]byte) {
	for i := range binaryBytes / 6 {
		w := binary.BigEndian.Uint64(id[i*6:])
		binary.LittleEndian.PutUint64(dst[i*8:], uint64(k.pairs[w>>52])|
			uint64(k.pairs[w>>40&0xfff])<<16|uint64(k.pairs[w>>28&0xfff])<<32|uint64(k.pairs[w>>16&0xfff])<<48)
	}
}

// Decode reads and verifies an id. The Fields are zero unless the status is
// Valid. It allocates nothing.
func (k *Keys) Decode(text []byte) (Fields, Status) {
	var id [binaryBytes]byte
	if len(text) != Length {
		return Fields{}, Malformed
	}
	// The decoder skips line breaks, hence the count.
	if n, err := base64.RawURLEncoding.Decode(id[:], text); err != nil || n != binaryBytes {
		return Fields{}, Malformed
	}
	m := k.byID[id[0]]
	if m == nil {
		return Fields{}, UnknownKey
	}
	plain := id[1+tagBytes:]
	tag := binary.LittleEndian.Uint64(id[1:])
	k.crypt(m, tag, plain)
	// One comparison of two words: there is no prefix to learn by timing.
	if m.tag(id[0], plain) != tag {
		return Fields{}, Forged
	}
	f := take(plain)
	if m.endsMS != 0 && f.TimeMS >= m.endsMS {
		return Fields{}, ExpiredKey
	}
	return f, Valid
}

// tag is over key id and plain bytes.
func (m *key) tag(id uint8, plain []byte) uint64 {
	var message [1 + plainBytes]byte
	message[0] = id
	copy(message[1:], plain)
	return siphash.Hash(m.k0, m.k1, message[:])
}

// crypt encrypts or decrypts text in place: it is XORed with the two blocks
// that AES makes of (tag, 0) and (tag, 1). The blocks are in pooled memory,
// because what goes through the cipher's interface would be allocated.
func (k *Keys) crypt(m *key, tag uint64, text []byte) {
	stream := k.scratch.Get().(*[2 * blockBytes]byte) //nolint:forcetypeassert // the pool holds nothing else
	clear(stream[:])
	binary.LittleEndian.PutUint64(stream[0:], tag)
	binary.LittleEndian.PutUint64(stream[blockBytes:], tag)
	stream[blockBytes+tagBytes] = 1
	m.block.Encrypt(stream[:blockBytes], stream[:blockBytes])
	m.block.Encrypt(stream[blockBytes:], stream[blockBytes:])
	for i := range text {
		text[i] ^= stream[i]
	}
	k.scratch.Put(stream)
}

// The 27 plain bytes, little endian: epoch 8, shard 1, sequence 5, then 104
// bits from the lowest: time 42, event 24, code 32, code state 2, ended 1,
// test 1, spare 2 (written as zero).
func (f *Fields) put(plain []byte) {
	binary.LittleEndian.PutUint64(plain[0:], uint64(f.Epoch))
	// Eight bytes at 8 hold shard and sequence and two bytes of what follows.
	binary.LittleEndian.PutUint64(plain[8:], uint64(f.Shard)|f.Sequence<<8)
	low := uint64(f.TimeMS) | uint64(f.Event)<<42
	high := uint64(f.Event)>>22 | uint64(f.Code)<<2 | uint64(f.State)<<34 | bit(f.Ended)<<36 | bit(f.Test)<<37
	binary.LittleEndian.PutUint64(plain[14:], low)
	binary.LittleEndian.PutUint32(plain[22:], uint32(high))
	plain[26] = byte(high >> 32)
}

// take is the inverse of put; it ignores the spare bits.
func take(plain []byte) Fields {
	low := binary.LittleEndian.Uint64(plain[14:])
	high := uint64(binary.LittleEndian.Uint32(plain[22:])) | uint64(plain[26])<<32
	return Fields{
		Epoch:    ids.Epoch(binary.LittleEndian.Uint64(plain[0:])),
		Shard:    plain[8],
		Sequence: binary.LittleEndian.Uint64(plain[8:]) >> 8 & MaxSequence,
		TimeMS:   int64(low & MaxTimeMS),
		Event:    ids.EventID(low>>42 | high&3<<22),
		Code:     ids.CodeID(high >> 2),
		State:    visit.CodeState(high >> 34 & 3),
		Ended:    high>>36&1 != 0,
		Test:     high>>37&1 != 0,
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
