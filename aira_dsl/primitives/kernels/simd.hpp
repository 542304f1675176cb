// As many floats at a time as a register holds, in the vector extension that GCC and Clang share, so
// that one source serves AVX-512 (16 lanes), AVX2 and all others (8). Where AVX-512 has one
// instruction for several, it is used. -DAIRA_PORTABLE=8 or 16 leaves that out and sets the lanes.
// NaN and infinities are respected: no -ffast-math.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) && !defined(AIRA_PORTABLE)
#include <immintrin.h>
#define AIRA_AVX512 1
#define AIRA_LANES 16
#elif defined(AIRA_PORTABLE)
#define AIRA_LANES AIRA_PORTABLE
#else
#define AIRA_LANES 8
#endif

constexpr long LANES = AIRA_LANES;
constexpr float LOG2E = 1.44269504088896341f, LN2 = 0.69314718055994531f;

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));
typedef float LooseVec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t LooseHalves __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

struct bf16 {
  uint16_t bits;
};

inline Vec all(float x) { return x - Vec{}; }

inline Vec load(const float *p) { return *(const LooseVec *)p; }
inline Vec load(const bf16 *p) {
  Bits wide = __builtin_convertvector((Halves) * (const LooseHalves *)p, Bits) << 16;
  return (Vec)wide;
}
inline void store(float *p, Vec x) { *(LooseVec *)p = x; }
inline void store(bf16 *p, Vec x) {
#if AIRA_AVX512 && defined(__AVX512BF16__)
  *(LooseHalves *)p = (Halves)_mm512_cvtneps_pbh((__m512)x);
#else
  Bits bits = (Bits)x;
  Bits rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;  // to nearest, ties to even
  Bits quiet = (bits >> 16) | 0x40;                           // a NaN must stay one
  *(LooseHalves *)p = __builtin_convertvector(x == x ? rounded : quiet, Halves);
#endif
}

// The first n of a vector's elements; what is not there reads as zero.
inline Vec load(const float *p, long n) {
  if (n >= LANES) return load(p);
#if AIRA_AVX512
  return (Vec)_mm512_maskz_loadu_ps((1u << n) - 1, p);
#else
  float part[LANES] = {};
  for (long i = 0; i < n; i++) part[i] = p[i];
  return load(part);
#endif
}
inline Vec load(const bf16 *p, long n) {
  if (n >= LANES) return load(p);
#if AIRA_AVX512 && defined(__AVX512BW__) && defined(__AVX512VL__)
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16((1u << n) - 1, p));
  return (Vec)_mm512_slli_epi32(wide, 16);
#else
  bf16 part[LANES] = {};
  for (long i = 0; i < n; i++) part[i] = p[i];
  return load(part);
#endif
}
inline void store(float *p, Vec x, long n) {
  if (n >= LANES) return store(p, x);
#if AIRA_AVX512
  _mm512_mask_storeu_ps(p, (1u << n) - 1, (__m512)x);
#else
  for (long i = 0; i < n; i++) p[i] = x[i];
#endif
}
inline void store(bf16 *p, Vec x, long n) {
  if (n >= LANES) return store(p, x);
  bf16 part[LANES];
  store(part, x);
#if AIRA_AVX512 && defined(__AVX512BW__) && defined(__AVX512VL__)
  _mm256_mask_storeu_epi16(p, (1u << n) - 1, _mm256_loadu_si256((const __m256i *)part));
#else
  for (long i = 0; i < n; i++) p[i] = part[i];
#endif
}

// a0 b0 a1 b1 …: the first half of the pairs, and the second.
#if AIRA_LANES == 16
inline Vec pairs_low(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
inline Vec pairs_high(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                 31);
}
#else
inline Vec pairs_low(Vec a, Vec b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
inline Vec pairs_high(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
#endif

// One element.
inline float to_float(float x) { return x; }
inline float to_float(bf16 x) {
  uint32_t bits = (uint32_t)x.bits << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
inline void set(float *p, float x) { *p = x; }
inline void set(bf16 *p, float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, quiet = (bits >> 16) | 0x40;
  p->bits = x == x ? rounded : quiet;
}

inline float sum(Vec x) {
#if AIRA_AVX512
  return _mm512_reduce_add_ps((__m512)x);
#else
  float part[LANES];
  store(part, x);
  for (long width = LANES / 2; width; width /= 2)
    for (long i = 0; i < width; i++) part[i] += part[i + width];
  return part[0];
#endif
}

// The larger one; b if a is not a number.
inline Vec larger(Vec a, Vec b) {
#if AIRA_AVX512
  return (Vec)_mm512_max_ps((__m512)a, (__m512)b);
#else
  return a > b ? a : b;
#endif
}

// 2^x for x up to 127: a minimax polynomial on [-1/2, 1/2] (relative error 1e-7) and an exponent.
// What would be below 2^-126 is 2^-126, since subnormal numbers cost a hundred times as much.
inline Vec exp2(Vec x) {
  constexpr float ROUNDER = 12582912.f + 127;  // 1.5·2^23: added to x, its last bits count ones
  x = larger(all(-126.f), x);
  Vec shifted = x + ROUNDER, r = x - (shifted - ROUNDER);
  Vec p = all(1.326472037e-3f) * r + 9.671513022e-3f;
  p = p * r + 5.550733778e-2f;
  p = p * r + 2.402224208e-1f;
  p = p * r + 6.931469776e-1f;
  p = p * r + 1.f;
  return p * (Vec)((Bits)shifted << 23);  // the nearest whole number, as an exponent
}

// e^x, at most 2^127.
inline Vec exp(Vec x) { return exp2(-larger(all(-127.f), x * -LOG2E)); }
inline Vec sigmoid(Vec x) { return 1.f / (1.f + exp(-x)); }

// log(1 + e^x) = max(x, 0) + log1p(e^-|x|); the logarithm as a series in s = t / (2 + t).
inline Vec softplus(Vec x) {
  Vec magnitude = x > 0.f ? x : -x;
  Vec t = exp(-magnitude), s = t / (2.f + t), q = s * s;
  Vec p = all(1.f / 15) * q + 1.f / 13;
  p = p * q + 1.f / 11;
  p = p * q + 1.f / 9;
  p = p * q + 1.f / 7;
  p = p * q + 1.f / 5;
  p = p * q + 1.f / 3;
  p = p * q + 1.f;
  return (x > 0.f ? x : Vec{}) + 2.f * s * p + (x - x);  // the last term: NaN for NaN, infinity
}

// The logarithm to base 2 of a positive number: its exponent, and a series for its mantissa.
inline Vec log2(Vec x) {
  Bits bits = (Bits)x;
  Ints exponent = (Ints)(bits >> 23) - 127;
  Vec mantissa = (Vec)((bits & 0x7fffff) | 0x3f800000);  // in [1, 2)
  Vec large = mantissa > 1.41421356f ? all(1.f) : Vec{};
  mantissa = large > 0.f ? mantissa * 0.5f : mantissa;
  Vec s = (mantissa - 1.f) / (mantissa + 1.f), q = s * s;
  Vec p = all(1.f / 9) * q + 1.f / 7;
  p = p * q + 1.f / 5;
  p = p * q + 1.f / 3;
  p = p * q + 1.f;
  Vec result = __builtin_convertvector(exponent, Vec) + large + 2.f * LOG2E * s * p;
  return x == x ? result : x;
}
