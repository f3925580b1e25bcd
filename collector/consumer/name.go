package consumer

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"footfall/schemas/lake"
)

// stagedName is a file's name below _staging. The log and the number stand
// first, so that its owner can tell when nobody will finish it.
func stagedName(n lake.FileName) string {
	return fmt.Sprintf("%s-%020d-%016x.parquet", n.Log, n.Commit, n.Random)
}

func randomNumber() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program first
	return binary.BigEndian.Uint64(b[:])
}
