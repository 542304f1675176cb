// Causal grouped-query attention with RoPE inside, from the projections' output to o_proj's input,
// for heads of P elements. A block of queries are the lanes of a vector and the keys pass by one at a
// time, so that nothing is summed across lanes and no score leaves the cache.
//
// A query sees the W latest keys; W is L at least if it sees all earlier ones.
//
// qkv: (B, L, (H + 2 K) P), queries, keys, values; out: (B, L, H P); log_sums: (B, H, L), the
// base-2 logarithm of each query's sum of exponentials. cosines, sines: (L, P / 2), or null.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "simd.hpp"

// The two halves of a head are turned against each other; direction -1 turns back.
template <long P>
inline void turn(float *x, const float *cosines, const float *sines, float direction) {
  for (long i = 0; i < P / 2; i++) {
    float c = cosines[i], s = sines[i] * direction, left = x[i], right = x[P / 2 + i];
    x[i] = left * c - right * s;
    x[P / 2 + i] = right * c + left * s;
  }
}

// One sequence's head as L rows of P floats, turned by RoPE's angles and scaled.
template <long P, class T>
void read_head(long L, long stride, const T *__restrict from, const float *__restrict cosines,
               const float *__restrict sines, float scale, float *__restrict to) {
  for (long t = 0; t < L; t++, from += stride, to += P) {
    float x[P];
    for (long p = 0; p < P; p++) x[p] = to_float(from[p]) * scale;
    if (cosines) turn<P>(x, cosines + t * P / 2, sines + t * P / 2, 1.f);
    for (long p = 0; p < P; p++) to[p] = x[p];
  }
}

// The gradient of `read_head`.
template <long P, class T>
void write_head(long L, long stride, const float *__restrict from, const float *__restrict cosines,
                const float *__restrict sines, float scale, T *__restrict to) {
  for (long t = 0; t < L; t++, from += P, to += stride) {
    float x[P];
    for (long p = 0; p < P; p++) x[p] = from[p] * scale;
    if (cosines) turn<P>(x, cosines + t * P / 2, sines + t * P / 2, -1.f);
    for (long p = 0; p < P; p++) set(to + p, x[p]);
  }
}

// Take P vectors as one row of elements and deal them out like cards, its first half against its
// second. Each round moves an element's place by one bit, so some rounds swap rows and columns.
template <long P> inline void deal(Vec *v, long rounds) {
  for (; rounds; rounds--) {
    Vec dealt[P];
    for (long i = 0; i < P / 2; i++) {
      dealt[2 * i] = pairs_low(v[i], v[P / 2 + i]);
      dealt[2 * i + 1] = pairs_high(v[i], v[P / 2 + i]);
    }
    for (long i = 0; i < P; i++) v[i] = dealt[i];
  }
}

constexpr long bits(long n) { return n > 1 ? 1 + bits(n / 2) : 0; }

// Columns of a block of rows: element p of row i lies at rows[i * P + p]; and back.
template <long P> inline void transpose(const float *rows, Vec *columns) {
  for (long i = 0; i < P; i++) columns[i] = load(rows + i * LANES);
  deal<P>(columns, bits(LANES));
}
template <long P> inline void untranspose(Vec *columns, float *rows) {
  deal<P>(columns, bits(P));
  for (long i = 0; i < P; i++) store(rows + i * LANES, columns[i]);
}

template <long P> inline Vec dot(const Vec *columns, const float *row) {
  Vec even = columns[0] * row[0], odd = columns[1] * row[1];
  for (long p = 2; p < P; p += 2) {
    even += columns[p] * row[p];
    odd += columns[p + 1] * row[p + 1];
  }
  return even + odd;
}

inline Vec lane_numbers() {
  float numbers[LANES];
  for (long i = 0; i < LANES; i++) numbers[i] = i;
  return load(numbers);
}

// Queries i, i + 1, … in the lanes of a vector, each of which sees W keys: itself and those before.
struct Block {
  long i, W;
  long first() const { return std::max(0L, i - W + 1); }
  bool all_see(long j) const { return j <= i && j > i + LANES - 1 - W; }
  // x, or `hidden` in the lanes that do not see key j.
  Vec seen(Vec x, long j, float hidden) const {
    if (all_see(j)) return x;
    Vec lane = lane_numbers();
    x = lane >= (float)(j - i) ? x : all(hidden);
    return lane < (float)(j - i + W) ? x : all(hidden);
  }
};

template <long P, class T>
void attention_forward(long B, long L, long H, long K, long W, const T *qkv, const float *cosines,
                       const float *sines, T *out, float *log_sums) {
  constexpr long CHUNK = P < LANES ? P : LANES;  // accumulators that fit in the registers
  const long stride = (H + 2 * K) * P, group = H / K, padded = (L + LANES - 1) / LANES * LANES;
  std::vector<float> q(padded * P), k(L * P), v(L * P), o(padded * P);
  std::vector<Vec> weights(padded);
  for (long b = 0; b < B; b++)
    for (long h = 0; h < H; h++) {
      const T *row = qkv + b * L * stride, *own = row + (H + h / group) * P;
      if (h % group == 0) {
        read_head<P>(L, stride, own, cosines, sines, 1.f, k.data());
        read_head<P, T>(L, stride, own + K * P, nullptr, nullptr, 1.f, v.data());
      }
      read_head<P>(L, stride, row + h * P, cosines, sines, LOG2E / std::sqrt((float)P), q.data());
      for (long i = 0; i < L; i += LANES) {
        const Block block = {i, W};
        const long keys = std::min(i + LANES, L);
        Vec query[P], answer[P], most = all(-INFINITY), total = {};
        transpose<P>(&q[i * P], query);
        for (long j = block.first(); j < keys; j++) {
          weights[j] = dot<P>(query, &k[j * P]);
          most = larger(block.seen(weights[j], j, -INFINITY), most);
        }
        for (long j = block.first(); j < keys; j++)
          total += weights[j] = block.seen(exp2(weights[j] - most), j, 0.f);
        Vec inverse = 1.f / total;
        for (long p = 0; p < P; p += CHUNK) {
          Vec sums[CHUNK] = {};
          for (long j = block.first(); j < keys; j++)
            for (long c = 0; c < CHUNK; c++) sums[c] += weights[j] * v[j * P + p + c];
          for (long c = 0; c < CHUNK; c++) answer[p + c] = sums[c] * inverse;
        }
        untranspose<P>(answer, &o[i * P]);
        store(log_sums + (b * H + h) * L + i, most + log2(total), L - i);
      }
      write_head<P, T>(L, H * P, o.data(), nullptr, nullptr, 1.f, out + (b * L * H + h) * P);
    }
}

inline void store_pairs(float *to, Vec a, Vec b) {
  store(to, pairs_low(a, b));
  store(to + LANES, pairs_high(a, b));
}

// One pair, all over a vector.
inline Vec load_pair(const float *p) {
  typedef double Pairs __attribute__((vector_size(4 * LANES)));
  double both;
  memcpy(&both, p, sizeof both);
  return (Vec)(both - Pairs{});
}

// Keys' and values' gradients are summed in rows of pairs (of v's element, of k's element), since
// one pair of multipliers (weight, score's gradient) then serves a whole vector.
template <long P, class T>
void attention_backward(long B, long L, long H, long K, long W, const T *grad_out, const T *qkv,
                        const float *cosines, const float *sines, const T *out,
                        const float *log_sums, T *grad_qkv) {
  constexpr long CHUNK = P < LANES ? P : LANES, ROW = 2 * P;
  const long stride = (H + 2 * K) * P, group = H / K, padded = (L + LANES - 1) / LANES * LANES;
  const float scale = 1.f / std::sqrt((float)P);
  std::vector<float> k(L * P), v(L * P), grad_k(L * P), grad_v(L * P), sums(L * ROW);
  std::vector<float> q(padded * P), g(padded * P), o(padded * P), rows(padded * ROW);
  std::vector<float> grad_q(padded * P), multipliers(2 * LANES * padded);
  std::vector<Vec> grad_scores(padded);
  for (long b = 0; b < B; b++)
    for (long h = 0; h < H; h++) {
      const long kv = (H + h / group) * P, own = (b * L * H + h) * P;
      const T *row = qkv + b * L * stride;
      T *grad_row = grad_qkv + b * L * stride;
      if (h % group == 0) {
        read_head<P>(L, stride, row + kv, cosines, sines, 1.f, k.data());
        read_head<P, T>(L, stride, row + kv + K * P, nullptr, nullptr, 1.f, v.data());
        std::fill(sums.begin(), sums.end(), 0.f);
      }
      read_head<P>(L, stride, row + h * P, cosines, sines, scale * LOG2E, q.data());
      read_head<P, T>(L, H * P, grad_out + own, nullptr, nullptr, 1.f, g.data());
      read_head<P, T>(L, H * P, out + own, nullptr, nullptr, 1.f, o.data());
      for (long e = 0; e < L * P; e += LANES) store_pairs(&rows[2 * e], load(&g[e]), load(&q[e]));
      for (long i = 0; i < L; i += LANES) {
        const Block block = {i, W};
        const long keys = std::min(i + LANES, L);
        Vec query[P], grad[P], answer[P], delta = {};
        transpose<P>(&q[i * P], query);
        transpose<P>(&g[i * P], grad);
        transpose<P>(&o[i * P], answer);
        for (long p = 0; p < P; p++) delta += grad[p] * answer[p];
        Vec log_sum = load(log_sums + (b * H + h) * L + i, L - i);
        for (long j = block.first(); j < keys; j++) {
          Vec weight = block.seen(exp2(dot<P>(query, &k[j * P]) - log_sum), j, 0.f);
          grad_scores[j] = weight * (dot<P>(grad, &v[j * P]) - delta);
          store_pairs(&multipliers[2 * LANES * j], weight, grad_scores[j]);
        }
        for (long p = 0; p < P; p += CHUNK) {
          Vec total[CHUNK] = {};
          for (long j = block.first(); j < keys; j++)
            for (long c = 0; c < CHUNK; c++) total[c] += grad_scores[j] * k[j * P + p + c];
          for (long c = 0; c < CHUNK; c++) answer[p + c] = total[c];
        }
        untranspose<P>(answer, &grad_q[i * P]);
        for (long c = 0; c < ROW; c += LANES) {
          Vec lines[LANES];  // zero where there is no query, which so adds nothing
          for (long n = 0; n < LANES; n++) lines[n] = load(&rows[(i + n) * ROW + c]);
          for (long j = block.first(); j < keys; j++) {
            const float *pair = &multipliers[2 * LANES * j];
            Vec total[4] = {load(&sums[j * ROW + c])};
            for (long n = 0; n < LANES; n++) total[n % 4] += load_pair(pair + 2 * n) * lines[n];
            store(&sums[j * ROW + c], (total[0] + total[1]) + (total[2] + total[3]));
          }
        }
      }
      write_head<P>(L, stride, grad_q.data(), cosines, sines, scale, grad_row + h * P);
      if (h % group == group - 1) {
        for (long e = 0; e < L * P; e++) grad_v[e] = sums[2 * e], grad_k[e] = sums[2 * e + 1];
        write_head<P, T>(L, stride, grad_v.data(), nullptr, nullptr, 1.f, grad_row + kv + K * P);
        write_head<P>(L, stride, grad_k.data(), cosines, sines, LN2, grad_row + kv);
      }
    }
}
