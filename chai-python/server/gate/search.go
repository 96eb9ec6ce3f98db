package gate

import (
	"math/bits"
	"math/rand/v2"
	"strings"
)

// Searching long texts for long texts. Package strings compares hashes whose factor everybody knows: a text can be made in which
// each place has the hash of what is looked for, and then takes the product of both lengths.

// shortPattern is how many bytes may be compared at each place.
const shortPattern = 32

// hashPrime is 2^61 - 1. hashFactor differs from process to process, so that nobody can make texts of equal hashes.
const hashPrime = 1<<61 - 1

var hashFactor = 1<<32 + rand.Uint64N(hashPrime-1<<33)

// indexOf is where a text stands in another one first, in bytes, -1 for nowhere. It takes time in proportion to their lengths.
func indexOf(text, wanted string) int {
	switch n := len(wanted); {
	case n <= shortPattern || n >= len(text):
		return strings.Index(text, wanted)
	default:
		return indexByHash(text, wanted)
	}
}

func indexByHash(text, wanted string) int {
	n := len(wanted)
	var hash, sought uint64
	first := uint64(1) // the weight of the first byte, once the next one comes
	for i := range n {
		hash, sought = hashed(hash, text[i]), hashed(sought, wanted[i])
		first = product(first, hashFactor)
	}
	for end := n; ; end++ {
		if hash == sought && text[end-n:end] == wanted {
			return end - n
		}
		if end == len(text) {
			return -1
		}
		hash = hashed(hash, text[end]) + hashPrime - product(first, uint64(text[end-n])+1)
		if hash >= hashPrime {
			hash -= hashPrime
		}
	}
}

// hashed is the hash with one more byte.
func hashed(hash uint64, b byte) uint64 {
	hash = product(hash, hashFactor) + uint64(b) + 1
	if hash >= hashPrime {
		hash -= hashPrime
	}
	return hash
}

// product is x * y modulo hashPrime.
func product(x, y uint64) uint64 {
	high, low := bits.Mul64(x, y)
	sum := low&hashPrime + (high<<3 | low>>61)
	if sum >= hashPrime {
		sum -= hashPrime
	}
	return sum
}

// cut is the text around the first place where a separator stands.
func cut(text, separator string) (before, after string, found bool) {
	at := indexOf(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// countOf is how often a text stands in another one, without overlaps.
func countOf(text, wanted string) (count int) {
	if len(wanted) <= shortPattern {
		return strings.Count(text, wanted)
	}
	for found := true; ; count++ {
		if _, text, found = cut(text, wanted); !found {
			return count
		}
	}
}

// replaceAll puts a text in the place of another one, which is not empty, wherever that stands. length is the result's.
func replaceAll(text, from, to string, length int) string {
	var result strings.Builder
	result.Grow(length)
	for {
		before, after, found := cut(text, from)
		result.WriteString(before)
		if !found {
			return result.String()
		}
		result.WriteString(to)
		text = after
	}
}
