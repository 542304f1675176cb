// Mamba-2's recurrence.
//
// It reads and writes rows of `stride` elements of type T, the layout of in_proj's output: z, x, B,
// C, dt. C: channels of the convolution (E + 2 G N).
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "simd.hpp"

// Step sizes and decays of one head of one sequence.
template <class T>
void read_steps(long L, long stride, const T *raw, float bias, float rate, float *step,
                float *decay) {
  std::vector<float> line(L + LANES, 0.f);
  for (long t = 0; t < L; t++) {
    line[t] = to_float(raw[t * stride]) + bias;
  }
  for (long t = 0; t < L; t += LANES) {
    Vec dt = softplus(load(&line[t]));
    store(step + t, dt);
    store(decay + t, exp(dt * rate));
  }
}

// B and C of one sequence as floats: rows of 2 G N.
template <class T> void read_maps(long L, long C, long size, const T *from, float *maps) {
  for (long t = 0; t < L; t++)
    for (long i = 0; i < size; i += LANES) store(maps + t * size + i, load(from + t * C + i, size - i));
}

// h_t = decay_t h_(t-1) + dt_t x_t B_t;  y_t = h_t C_t + D x_t, for every head of P channels.
// xBC: rows of C elements; dt: rows of `stride`; y: rows of H P; states: before every chunk,
// (B, H, P / LANES, chunks, N, LANES), for the way back. FIXED is N where it is known, else 0.
template <long FIXED, class T>
void scan_forward(long B, long L, long H, long P, long G, long n_state, long stride, long chunk,
                  const T *xBC, const T *dt, const float *dt_bias, const float *A_log,
                  const float *D, T *y, float *states) {
  const long N = FIXED ? FIXED : n_state, E = H * P, C = E + 2 * G * N, size = 2 * G * N;
  const long blocks = (P + LANES - 1) / LANES, chunks = (L + chunk - 1) / chunk;
  std::vector<float> step(L + LANES), decay(L + LANES), maps(L * size + LANES);
  std::vector<Vec> state(N);
  for (long b = 0; b < B; b++) {
    read_maps(L, C, size, xBC + b * L * C + E, maps.data());
    for (long h = 0; h < H; h++) {
      long group = h / (H / G);
      read_steps(L, stride, dt + b * L * stride + h, dt_bias[h], -std::exp(A_log[h]), step.data(),
                 decay.data());
      for (long p = 0; p < blocks; p++) {
        long n_lanes = P - p * LANES;
        std::fill(state.begin(), state.end(), Vec{});
        float *saved = states + ((b * H + h) * blocks + p) * chunks * N * LANES;
        for (long t = 0; t < L; t++) {
          if (t % chunk == 0)
            for (long n = 0; n < N; n++, saved += LANES) store(saved, state[n]);
          Vec x = load(xBC + (b * L + t) * C + h * P + p * LANES, n_lanes);
          const float *Bt = &maps[t * size + group * N], *Ct = Bt + G * N;
          Vec input = step[t] * x, out = D[h] * x;
          for (long n = 0; n < N; n++) {
            state[n] = decay[t] * state[n] + input * Bt[n];
            out += state[n] * Ct[n];
          }
          store(y + (b * L + t) * E + h * P + p * LANES, out, n_lanes);
        }
      }
    }
  }
}

// grad_xBC and grad_dt are written; the gradients of dt_bias, A_log and D are added to.
template <long FIXED, class T>
void scan_backward(long B, long L, long H, long P, long G, long n_state, long stride, long chunk,
                   const T *grad_y, const T *xBC, const T *dt, const float *dt_bias,
                   const float *A_log, const float *D, const float *states, T *grad_xBC, T *grad_dt,
                   float *grad_dt_bias, float *grad_A_log, float *grad_D) {
  const long N = FIXED ? FIXED : n_state, E = H * P, C = E + 2 * G * N, size = 2 * G * N;
  const long blocks = (P + LANES - 1) / LANES, chunks = (L + chunk - 1) / chunk, padded = L + LANES;
  std::vector<float> step(H * padded), decay(H * padded), maps(L * size + LANES);
  std::vector<Vec> back(H * blocks * N), inside(chunk * N), first(N), map_sums(chunk * size);
  std::vector<Vec> step_sums(chunk), decay_sums(chunk);
  std::vector<float> line(size + LANES);
  for (long b = 0; b < B; b++) {
    read_maps(L, C, size, xBC + b * L * C + E, maps.data());
    for (long h = 0; h < H; h++)
      read_steps(L, stride, dt + b * L * stride + h, dt_bias[h], -std::exp(A_log[h]),
                 &step[h * padded], &decay[h * padded]);
    std::fill(back.begin(), back.end(), Vec{});
    for (long s = chunks - 1; s >= 0; s--) {
      long begin = s * chunk, end = std::min(begin + chunk, L);
      std::fill(map_sums.begin(), map_sums.end(), Vec{});
      for (long h = 0; h < H; h++) {
        long group = h / (H / G);
        const float *steps = &step[h * padded], *decays = &decay[h * padded];
        float rate = -std::exp(A_log[h]), rate_sum = 0.f, bias_sum = 0.f;
        Vec skip_sum = {};
        std::fill(step_sums.begin(), step_sums.end(), Vec{});
        std::fill(decay_sums.begin(), decay_sums.end(), Vec{});
        for (long p = 0; p < blocks; p++) {
          long n_lanes = P - p * LANES, column = h * P + p * LANES;
          Vec *g = &back[(h * blocks + p) * N];
          const float *saved = states + (((b * H + h) * blocks + p) * chunks + s) * N * LANES;
          for (long n = 0; n < N; n++) first[n] = load(saved + n * LANES);
          for (long t = begin; t < end; t++) {
            Vec *now = &inside[(t - begin) * N];
            const Vec *before = t > begin ? now - N : first.data();
            Vec input = steps[t] * load(xBC + (b * L + t) * C + column, n_lanes);
            for (long n = 0; n < N; n++)
              now[n] = decays[t] * before[n] + input * maps[t * size + group * N + n];
          }
          for (long t = end - 1; t >= begin; t--) {
            const Vec *now = &inside[(t - begin) * N];
            const Vec *before = t > begin ? now - N : first.data();
            Vec x = load(xBC + (b * L + t) * C + column, n_lanes);
            Vec out = load(grad_y + (b * L + t) * E + column, n_lanes);
            Vec input = steps[t] * x, grad_input = {}, grad_decay = {};
            const float *Bt = &maps[t * size + group * N], *Ct = Bt + G * N;
            Vec *sums = &map_sums[(t - begin) * size + group * N];
            for (long n = 0; n < N; n++) {
              Vec gn = g[n] + out * Ct[n];
              sums[G * N + n] += out * now[n];
              sums[n] += gn * input;
              grad_input += gn * Bt[n];
              grad_decay += gn * before[n];
              g[n] = gn * decays[t];
            }
            skip_sum += out * x;
            step_sums[t - begin] += grad_input * x;
            decay_sums[t - begin] += grad_decay;
            store(grad_xBC + (b * L + t) * C + column, grad_input * steps[t] + out * D[h], n_lanes);
          }
        }
        for (long t = begin; t < end; t++) {
          float grad_exponent = sum(decay_sums[t - begin]) * decays[t];
          float grad_step = sum(step_sums[t - begin]) + grad_exponent * rate;
          float grad_raw = grad_step * -std::expm1(-steps[t]);  // softplus' = 1 - e^-softplus
          rate_sum += grad_exponent * steps[t];
          bias_sum += grad_raw;
          set(grad_dt + (b * L + t) * stride + h, grad_raw);
        }
        grad_A_log[h] += rate_sum * rate;
        grad_dt_bias[h] += bias_sum;
        grad_D[h] += sum(skip_sum);
      }
      for (long t = begin; t < end; t++) {
        for (long i = 0; i < size; i++) line[i] = sum(map_sums[(t - begin) * size + i]);
        for (long i = 0; i < size; i += LANES)
          store(grad_xBC + (b * L + t) * C + E + i, load(&line[i]), size - i);
      }
    }
  }
}
