// Command readlog reads a served log with nothing but Go's own transparency log packages, and verifies all of it.
//
//	readlog -log http://127.0.0.1:8460/log -vkey vkey -old old-checkpoint
//
// It opens the notes of the served and of an earlier checkpoint, hashes every entry into the tree of the later one, and
// proves the earlier one to be a prefix of it. The last line of standard output is one JSON object; the exit status is 1
// if anything does not verify.
//
// Build it without modules: GO111MODULE=off GOPATH=/usr/share/gocode (Debian's golang-golang-x-mod-dev).
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8
const tileWidth = 1 << tileHeight

// maxBody bounds what a server can make us read: a bundle of 256 entries of 65,535 bytes.
const maxBody = 256 * (2 + 65535)

func main() {
	base := flag.String("log", "", "address of the log, ending in /log")
	vkeyFile := flag.String("vkey", "", "file whose first line is the log's verifier key; empty: ask the log")
	oldFile := flag.String("old", "", "file with an earlier checkpoint")
	flag.Parse()
	report, err := verify(*base, *vkeyFile, *oldFile)
	if err != nil {
		report = map[string]any{"valid": false, "error": err.Error()}
	}
	line, _ := json.Marshal(report)
	fmt.Println(string(line))
	if err != nil {
		os.Exit(1)
	}
}

func verify(base, vkeyFile, oldFile string) (map[string]any, error) {
	keys, err := readOr(vkeyFile, base+"/vkey")
	if err != nil {
		return nil, err
	}
	vkey, _, _ := strings.Cut(string(keys), "\n")
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("verifier key: %w", err)
	}
	signed, err := get(base + "/checkpoint")
	if err != nil {
		return nil, err
	}
	tree, err := openCheckpoint(signed, verifier)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	tiles := &tileReader{base: base, cache: map[tlog.Tile][]byte{}}
	hashes := tlog.TileHashReader(tree, tiles)
	root, err := tlog.TreeHash(tree.N, hashes)
	if err != nil {
		return nil, fmt.Errorf("tree hash: %w", err)
	}
	if root != tree.Hash {
		return nil, errors.New("tiles lead to another root than the signed one")
	}
	if err := checkEntries(base, tree, hashes); err != nil {
		return nil, err
	}
	report := map[string]any{
		"valid": true, "origin": verifier.Name(), "tree_size": tree.N, "root": tree.Hash.String(),
		"entries": tree.N, "tiles": len(tiles.cache),
	}
	if oldFile != "" {
		signed, err := os.ReadFile(oldFile)
		if err != nil {
			return nil, err
		}
		old, err := openCheckpoint(signed, verifier)
		if err != nil {
			return nil, fmt.Errorf("earlier checkpoint: %w", err)
		}
		proof, err := tlog.ProveTree(tree.N, old.N, hashes)
		if err != nil {
			return nil, fmt.Errorf("consistency: %w", err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			return nil, fmt.Errorf("consistency: %w", err)
		}
		report["old_tree_size"] = old.N
	}
	return report, nil
}

// openCheckpoint verifies the note and reads its three lines: origin, size, root. Go's own tlog.ParseTree demands the
// first line of the checksum database, so the lines are read here.
func openCheckpoint(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("%d lines, expected 3", len(lines)-1)
	}
	if lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("origin %q, expected %q", lines[0], verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 1 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, fmt.Errorf("malformed tree size %q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, errors.New("malformed root")
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree, nil
}

// checkEntries proves every entry to be in the tree at its place.
func checkEntries(base string, tree tlog.Tree, hashes tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += tileWidth {
		width := int(min(tileWidth, tree.N-first))
		// an entry bundle has the coordinates of the tile of its leaves
		path := coordinates(tlog.Tile{H: tileHeight, L: -1, N: first / tileWidth, W: width})
		bundle, err := get(base + "/tile/entries/" + path)
		if err != nil {
			return err
		}
		for i := int64(0); i < int64(width); i++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("entry bundle %s is too short", path)
			}
			size := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+size]
			bundle = bundle[2+size:]
			index := first + i
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			if err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
		}
		if len(bundle) != 0 {
			return fmt.Errorf("entry bundle %s is too long", path)
		}
	}
	return nil
}

// tileReader fetches tiles by the paths of C2SP tlog-tiles.
type tileReader struct {
	base  string
	cache map[tlog.Tile][]byte
}

func (r *tileReader) Height() int { return tileHeight }

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, ok := r.cache[tile]
		if !ok {
			var err error
			if data, err = get(fmt.Sprintf("%s/tile/%d/%s", r.base, tile.L, coordinates(tile))); err != nil {
				return nil, err
			}
		}
		all[i] = data
	}
	return all, nil
}

// SaveTiles is called with tiles that have been proved.
func (r *tileReader) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	for i, tile := range tiles {
		r.cache[tile] = data[i]
	}
}

// coordinates gives <N>[.p/<W>]: Go's path is tile/<H>/<L>/<N>[.p/<W>] with three digits to a part, as C2SP has it.
func coordinates(tile tlog.Tile) string {
	return strings.SplitN(tile.Path(), "/", 4)[3]
}

func readOr(file, url string) ([]byte, error) {
	if file != "" {
		return os.ReadFile(file)
	}
	return get(url)
}

func get(url string) ([]byte, error) {
	response, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = fmt.Errorf("%s: more than %d bytes", url, maxBody)
	}
	return body, err
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
