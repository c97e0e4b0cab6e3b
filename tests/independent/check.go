// Checks a C2SP tiled log over HTTP with the code that Go's own module checksum database uses
// (golang.org/x/mod/sumdb/note and tlog): checkpoint, every tile, every entry, inclusion, consistency.
//
//	check VKEY URL...
//
// One line for each URL: `ok SIZE TILES ENTRIES INCLUSIONS CONSISTENCIES`, or `refused REASON`. Consistency is checked
// with every log of the same call that was accepted before and is not larger.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height, width = 8, 256

// Indexes whose inclusion is proven: all of a small log, of a large one those near its ends and tile borders, and a sample.
func sampled(index, size int64) bool {
	near := index % width
	return size <= 600 || index < 3 || index > size-4 || near == 0 && index%7 == 0 || near == 255 && index%11 == 0 || index%397 == 0
}

// A log at one size. Tiles are fetched once and only served from here, so that all proofs are about the same bytes.
type logAt struct {
	url   string
	tree  tlog.Tree
	tiles map[string][]byte
}

func (l *logAt) Height() int                             { return height }
func (l *logAt) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}

func (l *logAt) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		// C2SP fixes the height at 8 and leaves it out of the path.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		if l.tiles[path] == nil {
			body, err := get(l.url + "/" + path)
			if err != nil {
				return nil, err
			}
			if len(body) != tile.W*tlog.HashSize {
				return nil, fmt.Errorf("%s has %d bytes", path, len(body))
			}
			l.tiles[path] = body
		}
		data[i] = l.tiles[path]
	}
	return data, nil
}

func get(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

func openCheckpoint(url, vkey string) (tlog.Tree, error) {
	message, err := get(url + "/checkpoint")
	if err != nil {
		return tlog.Tree{}, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, errors.New("bad size")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, errors.New("bad root")
	}
	return tlog.Tree{N: size, Hash: tlog.Hash(root)}, nil
}

// Checks the entries of one bundle against the leaf hashes that the tiles hold.
func (l *logAt) bundle(first, end int64, reader tlog.HashReader) error {
	tile := tlog.TileForIndex(height, tlog.StoredHashIndex(0, end-1))
	path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
	rest, err := get(l.url + "/" + path)
	if err != nil {
		return err
	}
	indexes := make([]int64, 0, width)
	for index := first; index < end; index++ {
		indexes = append(indexes, tlog.StoredHashIndex(0, index))
	}
	leaves, err := reader.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for _, leaf := range leaves {
		if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
			return fmt.Errorf("%s is cut short", path)
		}
		length := 2 + int(binary.BigEndian.Uint16(rest))
		if tlog.RecordHash(rest[2:length]) != leaf {
			return fmt.Errorf("%s holds another entry than the tree", path)
		}
		rest = rest[length:]
	}
	if len(rest) != 0 {
		return fmt.Errorf("%s holds more than its entries", path)
	}
	return nil
}

func check(url, vkey string, earlier []*logAt) (*logAt, string, error) {
	tree, err := openCheckpoint(url, vkey)
	if err != nil {
		return nil, "", err
	}
	log := &logAt{url, tree, map[string][]byte{}}
	reader := tlog.TileHashReader(tree, log)
	if tree.N == 0 {
		if empty, _ := tlog.TreeHash(0, nil); tree.Hash != empty {
			return nil, "", errors.New("the root of nothing is another one")
		}
	} else if _, err := log.ReadTiles(tlog.NewTiles(height, 0, tree.N)); err != nil {
		return nil, "", err
	}
	inclusions, consistencies := 0, 0
	for first := int64(0); first < tree.N; first += width {
		if err := log.bundle(first, min(first+width, tree.N), reader); err != nil {
			return nil, "", err
		}
	}
	for index := int64(0); index < tree.N; index++ {
		if !sampled(index, tree.N) {
			continue
		}
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return nil, "", err
		}
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err == nil {
			err = tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf[0])
		}
		if err != nil {
			return nil, "", err
		}
		inclusions++
	}
	for _, old := range earlier {
		if old.tree.N > tree.N {
			continue
		}
		// Go proves nothing about the empty tree: it is a prefix of every other.
		if old.tree.N > 0 {
			proof, err := tlog.ProveTree(tree.N, old.tree.N, reader)
			if err == nil {
				err = tlog.CheckTree(proof, tree.N, tree.Hash, old.tree.N, old.tree.Hash)
			}
			if err != nil {
				return nil, "", err
			}
		}
		consistencies++
	}
	return log, fmt.Sprint(tree.N, len(log.tiles), tree.N, inclusions, consistencies), nil
}

func main() {
	var accepted []*logAt
	for _, url := range os.Args[2:] {
		log, counts, err := check(url, os.Args[1], accepted)
		if err != nil {
			fmt.Println("refused", strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Println("ok", counts)
		accepted = append(accepted, log)
	}
}
