// The causal depthwise convolution of Mamba-1 and Mamba-2, with silu. C: channels; K: kernel.
#pragma once
#include <algorithm>

#include "simd.hpp"

// y_t = silu(bias + sum_k weight_k x_(t-K+1+k)); x has rows of `stride`, y of C elements. Without
// a bias its pointer is null.
template <long K, class T>
void convolution_forward(long B, long L, long C, long stride, const T *x, const float *weight,
                         const float *bias, T *y) {
  for (long b = 0; b < B; b++)
    for (long c = 0; c < C; c += LANES) {
      long n = C - c;
      Vec taps[K], window[K] = {}, shift = bias ? load(bias + c, n) : Vec{};
      for (long k = 0; k < K; k++) {
        float tap[LANES] = {};
        for (long i = 0; i < std::min(n, LANES); i++) tap[i] = weight[(c + i) * K + k];
        taps[k] = load(tap);
      }
      for (long t = 0; t < L; t++) {
        for (long k = 0; k + 1 < K; k++) window[k] = window[k + 1];
        window[K - 1] = load(x + (b * L + t) * stride + c, n);
        Vec s = shift;
        for (long k = 0; k < K; k++) s += taps[k] * window[k];
        store(y + (b * L + t) * C + c, s * sigmoid(s), n);
      }
    }
}

// grad_x is written, grad_weight and grad_bias are added to.
template <long K, class T>
void convolution_backward(long B, long L, long C, long stride, const T *grad_y, const T *x,
                          const float *weight, const float *bias, T *grad_x, float *grad_weight,
                          float *grad_bias) {
  for (long c = 0; c < C; c += LANES) {
    long n = C - c;
    Vec taps[K], tap_sums[K] = {}, bias_sum = {}, shift = bias ? load(bias + c, n) : Vec{};
    for (long k = 0; k < K; k++) {
      float tap[LANES] = {};
      for (long i = 0; i < std::min(n, LANES); i++) tap[i] = weight[(c + i) * K + k];
      taps[k] = load(tap);
    }
    for (long b = 0; b < B; b++) {
      Vec window[K] = {}, later[K] = {};  // the inputs of a step; the gradients of the last K sums
      for (long t = 0; t < L + K - 1; t++) {
        Vec g = {};
        if (t < L) {
          for (long k = 0; k + 1 < K; k++) window[k] = window[k + 1];
          window[K - 1] = load(x + (b * L + t) * stride + c, n);
          Vec s = shift;
          for (long k = 0; k < K; k++) s += taps[k] * window[k];
          Vec q = sigmoid(s);
          g = load(grad_y + (b * L + t) * C + c, n) * q * (1.f + s * (1.f - q));
          for (long k = 0; k < K; k++) tap_sums[k] += g * window[k];
          bias_sum += g;
        }
        for (long k = 0; k + 1 < K; k++) later[k] = later[k + 1];
        later[K - 1] = g;
        if (t >= K - 1) {
          Vec out = {};
          for (long k = 0; k < K; k++) out += taps[K - 1 - k] * later[k];
          store(grad_x + (b * L + t - K + 1) * stride + c, out, n);
        }
      }
    }
    for (long i = 0; i < std::min(n, LANES); i++) {
      for (long k = 0; k < K; k++) grad_weight[(c + i) * K + k] += tap_sums[k][i];
      if (grad_bias) grad_bias[c + i] += bias_sum[i];
    }
  }
}
