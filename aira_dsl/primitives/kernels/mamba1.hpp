// Mamba-1's selective scan, its step sizes and its output gate:
//
//   dt = softplus(raw + bias);  h_t = exp(dt_t A) h_(t-1) + dt_t x_t B_t;
//   out = (C_t h_t + D x_t) silu(z_t)
//
// for every channel, LANES of them at a time, with N states each. x, raw and out have rows of E
// elements, z of z_stride, the maps B and C of map_stride; their gradients of E, E and N.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "simd.hpp"

// Decay rates of the channels from e on: A = -exp(A_log), rows of N.
inline void read_rates(long n_lanes, long N, const float *A_log, Vec *rates) {
  for (long n = 0; n < N; n++) {
    float rate[LANES] = {};
    for (long i = 0; i < std::min(n_lanes, LANES); i++) rate[i] = -std::exp(A_log[i * N + n]);
    rates[n] = load(rate);
  }
}

// L rows of N elements as floats, one after the other; the last store needs LANES elements more.
template <class T> void read_rows(long L, long stride, long N, const T *from, float *rows) {
  for (long t = 0; t < L; t++)
    for (long i = 0; i < N; i += LANES)
      store(rows + t * N + i, load(from + t * stride + i, N - i));
}

// states: before every chunk, for the way back: (B, E / LANES, chunks, N, LANES). FIXED is N where it
// is known, else 0.
template <long FIXED, class T>
void selective_scan_forward(long B, long L, long E, long n_state, long z_stride, long map_stride,
                            long chunk, const T *x, const T *raw, const T *Bs, const T *Cs,
                            const T *z, const float *bias, const float *A_log, const float *D,
                            T *out, float *states) {
  const long N = FIXED ? FIXED : n_state;
  std::vector<float> inputs(L * N + LANES), outputs(L * N + LANES);
  std::vector<Vec> state(N), rates(N);
  for (long b = 0; b < B; b++) {
    read_rows(L, map_stride, N, Bs + b * L * map_stride, inputs.data());
    read_rows(L, map_stride, N, Cs + b * L * map_stride, outputs.data());
    for (long e = 0; e < E; e += LANES) {
      long n_lanes = E - e;
      read_rates(n_lanes, N, A_log + e * N, rates.data());
      for (long n = 0; n < N; n++) rates[n] *= LOG2E;
      Vec shift = load(bias + e, n_lanes), direct = load(D + e, n_lanes);
      std::fill(state.begin(), state.end(), Vec{});
      for (long t = 0; t < L; t++) {
        if (t % chunk == 0)
          for (long n = 0; n < N; n++, states += LANES) store(states, state[n]);
        long at = (b * L + t) * E + e;
        const float *Bt = &inputs[t * N], *Ct = &outputs[t * N];
        Vec dt = softplus(load(raw + at, n_lanes) + shift), xt = load(x + at, n_lanes);
        Vec input = dt * xt, y = direct * xt;
        for (long n = 0; n < N; n++) {
          state[n] = exp2(dt * rates[n]) * state[n] + input * Bt[n];
          y += state[n] * Ct[n];
        }
        Vec gate = load(z + (b * L + t) * z_stride + e, n_lanes);
        store(out + at, y * gate * sigmoid(gate), n_lanes);
      }
    }
  }
}

// The gradients of x, raw, B, C and z are written, those of bias, A_log and D are added to.
template <long FIXED, class T>
void selective_scan_backward(long B, long L, long E, long n_state, long z_stride, long map_stride,
                             long chunk, const T *grad_out, const T *x, const T *raw, const T *Bs,
                             const T *Cs, const T *z, const float *bias, const float *A_log,
                             const float *D, const float *states, T *grad_x, T *grad_raw,
                             T *grad_B, T *grad_C, T *grad_z, float *grad_bias, float *grad_A_log,
                             float *grad_D) {
  const long N = FIXED ? FIXED : n_state, size = 2 * N;
  const long blocks = (E + LANES - 1) / LANES, chunks = (L + chunk - 1) / chunk;
  std::vector<float> inputs(L * N + LANES), outputs(L * N + LANES), line(size + LANES);
  std::vector<Vec> rates(blocks * N), rate_sums(blocks * N), back(blocks * N);
  std::vector<Vec> inside((chunk + 1) * N), decays(chunk * N), steps(chunk), map_sums(chunk * size);
  std::vector<Vec> bias_sums(blocks), direct_sums(blocks);
  for (long p = 0; p < blocks; p++)
    read_rates(E - p * LANES, N, A_log + p * LANES * N, &rates[p * N]);
  for (long b = 0; b < B; b++) {
    read_rows(L, map_stride, N, Bs + b * L * map_stride, inputs.data());
    read_rows(L, map_stride, N, Cs + b * L * map_stride, outputs.data());
    std::fill(back.begin(), back.end(), Vec{});
    for (long s = chunks - 1; s >= 0; s--) {
      long begin = s * chunk, end = std::min(begin + chunk, L);
      std::fill(map_sums.begin(), map_sums.end(), Vec{});
      for (long p = 0; p < blocks; p++) {
        long e = p * LANES, n_lanes = E - e;
        const Vec *A = &rates[p * N];
        Vec *g = &back[p * N], *rate_sum = &rate_sums[p * N];
        Vec shift = load(bias + e, n_lanes), direct = load(D + e, n_lanes);
        const float *saved = states + ((b * blocks + p) * chunks + s) * N * LANES;
        for (long n = 0; n < N; n++) inside[n] = load(saved + n * LANES);
        for (long t = begin; t < end; t++) {
          long at = (b * L + t) * E + e;
          const Vec *before = &inside[(t - begin) * N];
          Vec *now = &inside[(t - begin + 1) * N], *decay = &decays[(t - begin) * N];
          Vec dt = softplus(load(raw + at, n_lanes) + shift);
          Vec input = dt * load(x + at, n_lanes);
          steps[t - begin] = dt;
          for (long n = 0; n < N; n++) {
            decay[n] = exp2(dt * (A[n] * LOG2E));
            now[n] = decay[n] * before[n] + input * inputs[t * N + n];
          }
        }
        for (long t = end - 1; t >= begin; t--) {
          long at = (b * L + t) * E + e;
          const Vec *before = &inside[(t - begin) * N], *now = before + N;
          const Vec *decay = &decays[(t - begin) * N];
          const float *Bt = &inputs[t * N], *Ct = &outputs[t * N];
          Vec *sums = &map_sums[(t - begin) * size];
          Vec xt = load(x + at, n_lanes), dt = steps[t - begin], input = dt * xt;
          Vec gate = load(z + (b * L + t) * z_stride + e, n_lanes), q = sigmoid(gate);
          Vec grad = load(grad_out + at, n_lanes), grad_y = grad * gate * q;
          Vec y = direct * xt, grad_input = {}, grad_dt = {};
          for (long n = 0; n < N; n++) {
            Vec gn = g[n] + grad_y * Ct[n], exponent = gn * decay[n] * before[n];
            y += now[n] * Ct[n];
            sums[n] += gn * input;
            sums[N + n] += grad_y * now[n];
            grad_input += gn * Bt[n];
            grad_dt += exponent * A[n];
            rate_sum[n] += exponent * dt;
            g[n] = gn * decay[n];
          }
          grad_dt += grad_input * xt;
          Vec slope = grad_dt * sigmoid(load(raw + at, n_lanes) + shift);  // softplus' = sigmoid
          bias_sums[p] += slope;
          direct_sums[p] += grad_y * xt;
          store(grad_x + at, grad_input * dt + grad_y * direct, n_lanes);
          store(grad_raw + at, slope, n_lanes);
          store(grad_z + at, grad * y * q * (1.f + gate * (1.f - q)), n_lanes);
        }
      }
      for (long t = begin; t < end; t++) {
        for (long i = 0; i < size; i++) line[i] = sum(map_sums[(t - begin) * size + i]);
        for (long n = 0; n < N; n += LANES) {
          store(grad_B + (b * L + t) * N + n, load(&line[n]), N - n);
          store(grad_C + (b * L + t) * N + n, load(&line[N + n]), N - n);
        }
      }
    }
  }
  for (long e = 0; e < E; e++) {
    long p = e / LANES, i = e % LANES;
    grad_bias[e] += bias_sums[p][i];
    grad_D[e] += direct_sums[p][i];
    for (long n = 0; n < N; n++)  // dA / dA_log = A
      grad_A_log[e * N + n] += rate_sums[p * N + n][i] * rates[p * N + n][i];
  }
}
