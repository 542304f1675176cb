// RMSNorm with the addition to the residual stream that comes before it, and Mamba-2's gated norm.
// R rows, D channels; the stream is float32, what is normalized has the activations' type T.
#pragma once
#include <cmath>
#include <vector>

#include "simd.hpp"

// sum = x + y (y may be absent: null);  out = sum * rstd * weight
template <class T>
void add_norm_forward(long R, long D, float eps, const float *x, const T *y, const float *weight,
                      float *sum_out, T *out, float *rstd) {
  for (long r = 0; r < R; r++, x += D, sum_out += D, out += D) {
    Vec squares = {};
    for (long d = 0; d < D; d += LANES) {
      long n = D - d;
      Vec v = load(x + d, n);
      if (y) v += load(y + r * D + d, n);
      store(sum_out + d, v, n);
      squares += v * v;
    }
    float q = rstd[r] = 1.f / std::sqrt(sum(squares) / D + eps);
    for (long d = 0; d < D; d += LANES)
      store(out + d, load(sum_out + d, D - d) * q * load(weight + d, D - d), D - d);
  }
}

// grad_x is what flows into the sum: from the norm, and from the stream behind it (may be null).
// grad_y is the same in type T, if y was there; grad_weight is added to.
template <class T>
void add_norm_backward(long R, long D, const float *grad_sum, const T *grad_out,
                       const float *sum_out, const float *weight, const float *rstd, float *grad_x,
                       T *grad_y, float *grad_weight) {
  std::vector<float> weight_sums(D + LANES, 0.f);
  for (long r = 0; r < R; r++) {
    const float *v = sum_out + r * D;
    const T *g = grad_out + r * D;
    float q = rstd[r];
    Vec dots = {};
    for (long d = 0; d < D; d += LANES) {
      Vec gv = load(g + d, D - d) * load(v + d, D - d);
      dots += gv * load(weight + d, D - d);
      store(&weight_sums[d], load(&weight_sums[d]) + gv * q);
    }
    float c = sum(dots) * q * q * q / D;
    for (long d = 0; d < D; d += LANES) {
      long n = D - d;
      Vec out = load(g + d, n) * load(weight + d, n) * q - load(v + d, n) * c;
      if (grad_sum) out += load(grad_sum + r * D + d, n);
      store(grad_x + r * D + d, out, n);
      if (grad_y) store(grad_y + r * D + d, out, n);
    }
  }
  for (long d = 0; d < D; d++) grad_weight[d] += weight_sums[d];
}

// out = norm(y * silu(z)) * weight, each of `groups` groups of channels by itself.
// y, out: (R, D); z: rows of `stride` elements.
template <class T>
void gated_norm_forward(long R, long D, long groups, long stride, float eps, const T *y, const T *z,
                        const float *weight, T *out, float *rstd) {
  long size = D / groups;
  std::vector<float> gated(size + LANES);
  for (long r = 0; r < R; r++)
    for (long g = 0; g < groups; g++) {
      long o = r * D + g * size;
      const T *zr = z + r * stride + g * size;
      Vec squares = {};
      for (long d = 0; d < size; d += LANES) {
        Vec zv = load(zr + d, size - d), v = load(y + o + d, size - d) * zv * sigmoid(zv);
        store(&gated[d], v);
        squares += v * v;
      }
      float q = rstd[r * groups + g] = 1.f / std::sqrt(sum(squares) / size + eps);
      for (long d = 0; d < size; d += LANES)
        store(out + o + d, load(&gated[d]) * q * load(weight + g * size + d, size - d), size - d);
    }
}

template <class T>
void gated_norm_backward(long R, long D, long groups, long stride, const T *grad_out, const T *y,
                         const T *z, const float *weight, const float *rstd, T *grad_y, T *grad_z,
                         float *grad_weight) {
  long size = D / groups;
  std::vector<float> weight_sums(D + LANES, 0.f);
  for (long r = 0; r < R; r++)
    for (long g = 0; g < groups; g++) {
      long o = r * D + g * size, zo = r * stride + g * size;
      const float *w = weight + g * size;
      float *ws = &weight_sums[g * size];
      float q = rstd[r * groups + g];
      Vec dots = {};
      for (long d = 0; d < size; d += LANES) {
        long n = size - d;
        Vec zv = load(z + zo + d, n), v = load(y + o + d, n) * zv * sigmoid(zv);
        Vec gv = load(grad_out + o + d, n) * v;
        dots += gv * load(w + d, n);
        store(ws + d, load(ws + d, n) + gv * q, n);
      }
      float c = sum(dots) * q * q * q / size;
      for (long d = 0; d < size; d += LANES) {
        long n = size - d;
        Vec zv = load(z + zo + d, n), yv = load(y + o + d, n), s = sigmoid(zv), silu = zv * s;
        Vec inner = load(grad_out + o + d, n) * load(w + d, n) * q - yv * silu * c;
        store(grad_y + o + d, inner * silu, n);
        store(grad_z + zo + d, inner * yv * (s + silu * (1.f - s)), n);
      }
    }
  for (long d = 0; d < D; d++) grad_weight[d] += weight_sums[d];
}
