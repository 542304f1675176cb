// The gated short convolution of LFM2: y_t = c_t (bias + sum_k weight_k p_(t-K+1+k)), p = b x.
//
// Rows of 3 E elements, the layout of in_proj's output: b, c, x; y has rows of E. K: kernel. Without a
// bias its pointer is null.
#pragma once
#include <algorithm>

#include "simd.hpp"

template <long K> void read_taps(const float *weight, long n, Vec *taps) {
  for (long k = 0; k < K; k++) {
    float tap[LANES] = {};
    for (long i = 0; i < std::min(n, LANES); i++) tap[i] = weight[i * K + k];
    taps[k] = load(tap);
  }
}

template <long K, class T>
void short_conv_forward(long B, long L, long E, const T *bcx, const float *weight,
                        const float *bias, T *y) {
  for (long r = 0; r < B; r++, bcx += 3 * L * E, y += L * E)
    for (long e = 0; e < E; e += LANES) {
      long n = E - e;
      Vec taps[K], window[K] = {}, shift = bias ? load(bias + e, n) : Vec{};
      read_taps<K>(weight + e * K, n, taps);
      for (long t = 0; t < L; t++) {
        const T *row = bcx + 3 * t * E + e;
        for (long k = 0; k + 1 < K; k++) window[k] = window[k + 1];
        window[K - 1] = load(row, n) * load(row + 2 * E, n);
        Vec s = shift;
        for (long k = 0; k < K; k++) s += taps[k] * window[k];
        store(y + t * E + e, s * load(row + E, n), n);
      }
    }
}

// grad_bcx is written, grad_weight and grad_bias are added to.
template <long K, class T>
void short_conv_backward(long B, long L, long E, const T *grad_y, const T *bcx,
                         const float *weight, const float *bias, T *grad_bcx, float *grad_weight,
                         float *grad_bias) {
  for (long e = 0; e < E; e += LANES) {
    long n = E - e;
    Vec taps[K], tap_sums[K] = {}, bias_sum = {}, shift = bias ? load(bias + e, n) : Vec{};
    read_taps<K>(weight + e * K, n, taps);
    for (long r = 0; r < B; r++) {
      const T *rows = bcx + 3 * r * L * E + e;
      T *grad_rows = grad_bcx + 3 * r * L * E + e;
      Vec window[K] = {}, later[K] = {};  // the products of a step; the gradients of the last K sums
      for (long t = 0; t < L + K - 1; t++) {
        Vec g = {};
        if (t < L) {
          const T *row = rows + 3 * t * E;
          for (long k = 0; k + 1 < K; k++) window[k] = window[k + 1];
          window[K - 1] = load(row, n) * load(row + 2 * E, n);
          Vec s = shift, grad = load(grad_y + (r * L + t) * E + e, n);
          for (long k = 0; k < K; k++) s += taps[k] * window[k];
          store(grad_rows + 3 * t * E + E, grad * s, n);
          g = grad * load(row + E, n);
          for (long k = 0; k < K; k++) tap_sums[k] += g * window[k];
          bias_sum += g;
        }
        for (long k = 0; k + 1 < K; k++) later[k] = later[k + 1];
        later[K - 1] = g;
        if (t >= K - 1) {
          long first = 3 * (t - K + 1) * E;
          Vec product = {};
          for (long k = 0; k < K; k++) product += taps[K - 1 - k] * later[k];
          store(grad_rows + first, product * load(rows + first + 2 * E, n), n);
          store(grad_rows + first + 2 * E, product * load(rows + first, n), n);
        }
      }
    }
    for (long i = 0; i < std::min(n, LANES); i++) {
      for (long k = 0; k < K; k++) grad_weight[(e + i) * K + k] += tap_sums[k][i];
      if (grad_bias) grad_bias[e + i] += bias_sum[i];
    }
  }
}
