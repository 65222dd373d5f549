package embedded

import (
	"encoding/binary"
	"math"
	"math/big"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A number of any type is encoded as the greatest float64 that is not above it
// and what is missing to it, in 2^-64 of the step to the next float64. So
// whole numbers beyond 2^53 and decimals keep their place between two doubles.
// Decimals that differ by less, or are beyond the greatest double, are equal.

// appendNumber appends the key of a number: 16 bytes.
func appendNumber(dst []byte, v bsoncore.Value) []byte {
	switch v.Type {
	case bsoncore.TypeInt32:
		return appendFloat(dst, float64(int32(binary.LittleEndian.Uint32(v.Data))), 0)
	case bsoncore.TypeInt64:
		return appendInt(dst, int64(binary.LittleEndian.Uint64(v.Data)))
	case bsoncore.TypeDouble:
		return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(v.Data)), 0)
	default:
		low, high := binary.LittleEndian.Uint64(v.Data), binary.LittleEndian.Uint64(v.Data[8:])
		return appendDecimal(dst, bson.NewDecimal128(high, low))
	}
}

func appendFloat(dst []byte, f float64, rest uint64) []byte {
	bits := math.Float64bits(f)
	switch {
	case math.IsNaN(f): // before all numbers
		bits = 0
	case f == 0: // also -0
		bits = 1 << 63
	case f < 0:
		bits = ^bits
	default:
		bits |= 1 << 63
	}
	dst = binary.BigEndian.AppendUint64(dst, bits)
	return binary.BigEndian.AppendUint64(dst, rest)
}

func appendInt(dst []byte, n int64) []byte {
	f := float64(n)
	if n > -1<<53 && n < 1<<53 {
		return appendFloat(dst, f, 0)
	}
	if f >= 1<<63 || int64(f) > n { // rounded up
		f = math.Nextafter(f, math.Inf(-1))
	}
	step := uint64(math.Nextafter(f, math.Inf(1)) - f) // a power of two, at least 2 where anything is missing
	missing := uint64(n - int64(f))
	if missing == 0 {
		return appendFloat(dst, f, 0)
	}
	return appendFloat(dst, f, missing*(math.MaxUint64/step+1))
}

func appendDecimal(dst []byte, d bson.Decimal128) []byte {
	if d.IsNaN() {
		return appendFloat(dst, math.NaN(), 0)
	}
	if sign := d.IsInf(); sign != 0 {
		return appendFloat(dst, math.Inf(sign), 0)
	}
	digits, exponent, err := d.BigInt()
	if err != nil {
		return appendFloat(dst, math.NaN(), 0)
	}
	x := new(big.Rat).SetInt(digits)
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil))
	if exponent < 0 {
		power.Inv(power)
	}
	x.Mul(x, power)

	f, exact := x.Float64()
	switch {
	case exact:
		return appendFloat(dst, f, 0)
	case math.IsInf(f, 1): // beyond every double: all such are one
		return appendFloat(dst, math.MaxFloat64, math.MaxUint64)
	case math.IsInf(f, -1):
		return appendFloat(dst, f, math.MaxUint64)
	}
	low := new(big.Rat).SetFloat64(f)
	if low.Cmp(x) > 0 {
		f = math.Nextafter(f, math.Inf(-1))
		if math.IsInf(f, -1) {
			return appendFloat(dst, f, math.MaxUint64)
		}
		low.SetFloat64(f)
	}
	next := math.Nextafter(f, math.Inf(1))
	if math.IsInf(next, 1) {
		return appendFloat(dst, f, math.MaxUint64)
	}
	step := new(big.Rat).SetFloat64(next)
	step.Sub(step, low)
	missing := x.Sub(x, low)
	missing.Quo(missing, step)
	missing.Mul(missing, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 64)))
	rest := new(big.Int).Quo(missing.Num(), missing.Denom())
	return appendFloat(dst, f, rest.Uint64())
}
