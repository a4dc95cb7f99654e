/* The training step in C, for one N, T and Q: how fast a compiler makes it.

benchmarks/floor.py compiles it, with STATES, LENGTH, SPARSITY, BUCKETS of the guide table, and
DIGITS and CODES = N^DIGITS of a group of samples as constants. Tokens are those of
scb.data.stream, sums and gradients those of scb.kernels.cpu: up to DIGITS samples of one query
are one code at each position. What a program for one purpose may have besides:

- sizes known to the compiler, and vectors of a known width;
- positions in four planes: t is at [t % 4][t / 4], so that the words of a Philox block need no
  interleaving;
- a column of A that steps as soon as its gradient is known.

V is kept transposed: row m is column m of V. */

#include <stdint.h>
#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#define N STATES
#define T LENGTH
#define PLANE (T / 4)
#define ROOM ((PLANE + 15) / 16 * 16) /* whole vectors */
#define MOST_TO_COUNT 4 /* up to so many states a token is the number of cuts below its word */
#define CONTEXT 0
#define HEAD 1

_Static_assert(T % 4 == 0, "whole Philox blocks");

typedef uint64_t Wide __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));
typedef uint16_t Codes __attribute__((vector_size(32), aligned(2)));

static const Wide LANES = {0, 1, 2, 3, 4, 5, 6, 7};

/* What the words of a replicate become. */
typedef struct {
    uint32_t key[2];
    uint32_t shift;
    const uint32_t *cuts;     /* (N - 1): thresholds less one */
    const uint32_t *table;    /* (BUCKETS), of scb.data.stream.Guide */
    const int64_t *sources;   /* (N, Q - 1): thresholds */
    const int64_t *positions; /* (Q, N) */
    const int64_t *targets;   /* (N, N - 1): thresholds */
    const float *mu;          /* (N) */
    float value_rate, attention_rate;
} Replicate;

static inline int power(int digits) { /* N^digits */
    int found = 1;
    for (int digit = 0; digit < digits; digit++) found *= N;
    return found;
}

/* Products of the low halves. */
static inline Wide product(Wide factor, uint32_t constant) {
#ifdef __AVX512F__ /* compilers take a product of 64 bits, three times as long */
    return (Wide)_mm512_mul_epu32((__m512i)factor, _mm512_set1_epi64(constant));
#else
    return (factor & 0xFFFFFFFF) * constant;
#endif
}

/* Four words of eight counters, in the low halves; high halves are undefined. */
static inline void philox(const uint32_t key[2], Wide c[4]) {
    uint32_t k0 = key[0], k1 = key[1];
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        const Wide p0 = product(c[0], 0xD2511F53u), p2 = product(c[2], 0xCD9E8D57u);
        c[0] = (p2 >> 32) ^ c[1] ^ (uint64_t)k0;
        c[2] = (p0 >> 32) ^ c[3] ^ (uint64_t)k1;
        c[1] = p2;
        c[3] = p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

static inline Words low_halves(Wide a, Wide b) {
    return __builtin_shufflevector((Words)a, (Words)b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24,
                                   26, 28, 30);
}

/* Entries of a table of BUCKETS. */
static inline Words entries(const uint32_t *table, Words at) {
#ifdef __AVX512F__
#define PART(i) _mm512_loadu_si512(table + 16 * (i))
#define PAIR(i) _mm512_permutex2var_epi32(PART(i), (__m512i)at, PART((i) + 1))
#if BUCKETS == 16
    return (Words)_mm512_permutexvar_epi32((__m512i)at, PART(0));
#elif BUCKETS == 32
    return (Words)PAIR(0);
#elif BUCKETS == 64
    return (Words)_mm512_mask_blend_epi32(_mm512_test_epi32_mask((__m512i)at, _mm512_set1_epi32(32)),
                                          PAIR(0), PAIR(2));
#else
    return (Words)_mm512_i32gather_epi32((__m512i)at, table, 4);
#endif
#else
    Words found;
    for (int lane = 0; lane < 16; lane++) found[lane] = table[at[lane]];
    return found;
#endif
}

static inline Words tokens_of(const Replicate *law, Words words) {
#if N <= MOST_TO_COUNT
    Words found = {};
    for (int n = 0; n < N - 1; n++) found -= (Words)(words > law->cuts[n]);
    return found;
#else
    const Words rest = words & ((1u << law->shift) - 1);
    return (entries(law->table, words >> law->shift) + rest) >> law->shift;
#endif
}

static inline int token_of(const Replicate *law, uint32_t word) {
    return tokens_of(law, (Words){} + word)[0];
}

/* codes = N codes + the tokens of a sample; the first digit sets them. */
static void generate(const Replicate *law, uint32_t sample, uint32_t step, int digit,
                     uint16_t codes[restrict 4][ROOM]) {
    const Replicate mine = *law;
    for (int first = 0; first < PLANE; first += 16) {
        Wide c[2][4];
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++) {
            c[half][0] = LANES + (uint64_t)(first + 8 * half);
            c[half][1] = (Wide){} + sample;
            c[half][2] = (Wide){} + step;
            c[half][3] = (Wide){} + CONTEXT;
            philox(mine.key, c[half]);
        }
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            Codes *out = (Codes *)&codes[j][first];
            const Words words = low_halves(c[0][j], c[1][j]);
            const Codes found = __builtin_convertvector(tokens_of(&mine, words), Codes);
            *out = digit ? *out * N + found : found;
        }
    }
}

/* Sums of a column by token for each digit of the codes, most significant first. */
static void add_up(const float column[restrict 4][PLANE], const uint16_t codes[restrict 4][ROOM],
                   int digits, float banks[restrict 4][CODES], float sums[restrict DIGITS][N]) {
    int count = power(digits);
    for (int j = 0; j < 4; j++) memset(banks[j], 0, sizeof(float) * count);
    for (int i = 0; i < PLANE; i++)
        for (int j = 0; j < 4; j++) banks[j][codes[j][i]] += column[j][i];
    float *restrict total = banks[0];
    for (int code = 0; code < count; code++)
        total[code] += banks[1][code] + (banks[2][code] + banks[3][code]);
    memset(sums, 0, sizeof(float) * DIGITS * N);
    for (int digit = digits - 1; digit >= 0; digit--) { /* the last digit is summed out */
        count /= N;
        for (int prefix = 0; prefix < count; prefix++) {
            float rest = 0;
            for (int n = 0; n < N; n++) {
                sums[digit][n] += total[prefix * N + n];
                rest += total[prefix * N + n];
            }
            total[prefix] = rest;
        }
    }
}

/* r = V s - e_o and w = V^T r / B of a sample. */
static void residual(const float value[restrict N][N], const float *restrict sums, int target,
                     int batch, float *restrict residual, float *restrict weights) {
    float found[N];
    memset(found, 0, sizeof found);
    for (int m = 0; m < N; m++)
        for (int n = 0; n < N; n++) found[n] += value[m][n] * sums[m];
    found[target] -= 1;
    for (int m = 0; m < N; m++) {
        float total = 0;
        for (int n = 0; n < N; n++) total += value[m][n] * found[n];
        weights[m] = total / batch;
    }
    memcpy(residual, found, sizeof found);
}

/* gradient += the sum of the weights of all digits. */
static void look_up(const float weights[restrict DIGITS][N], int digits,
                    const uint16_t codes[restrict 4][ROOM], float table[restrict CODES],
                    float gradient[restrict 4][PLANE]) {
    int count = 1;
    table[0] = 0;
    for (int digit = 0; digit < digits; digit++) {
        for (int prefix = count - 1; prefix >= 0; prefix--) { /* from the back: in place */
            const float before = table[prefix];
            for (int n = 0; n < N; n++) table[prefix * N + n] = before + weights[digit][n];
        }
        count *= N;
    }
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < PLANE; i++) gradient[j][i] += table[codes[j][i]];
}

/* V -= eta_V G_V: see scb.learning.optimizers.precondition_value. */
static void step_value(const Replicate *law, const float gradient[restrict N][N],
                       float value[restrict N][N]) {
    float scaled[N][N], along[N], square = 0;
    memset(along, 0, sizeof along);
    for (int m = 0; m < N; m++) {
        float mean = 0;
        for (int n = 0; n < N; n++) mean += gradient[m][n];
        mean /= N;
        for (int n = 0; n < N; n++) {
            scaled[m][n] = (gradient[m][n] - mean) / law->mu[m];
            along[n] += gradient[m][n] - mean;
        }
        square += law->mu[m] * law->mu[m];
    }
    for (int m = 0; m < N; m++)
        for (int n = 0; n < N; n++)
            value[m][n] -= law->value_rate * (scaled[m][n] - along[n] * (law->mu[m] / square));
}

/* a -= eta_A / mu_k (g - mean g). */
static void step_column(float rate, const float gradient[restrict 4][PLANE],
                        float column[restrict 4][PLANE]) {
    const float *restrict g = gradient[0];
    float *restrict a = column[0], mean = 0;
    for (int t = 0; t < T; t++) mean += g[t];
    mean /= T;
    for (int t = 0; t < T; t++) a[t] -= rate * (g[t] - mean);
}

/* Contexts of a step, (B, T) in planes: for a test. */
void tokens(const Replicate *law, int batch, uint32_t step, uint16_t *out) {
    static uint16_t codes[4][ROOM];
    for (int64_t sample = 0; sample < batch; sample++) {
        generate(law, sample, step, 0, codes);
        for (int j = 0; j < 4; j++)
            memcpy(out + sample * T + j * PLANE, codes[j], sizeof(uint16_t) * PLANE);
    }
}

static int count_below(const int64_t *thresholds, int count, uint32_t word) {
    int found = 0;
    for (int n = 0; n < count; n++) found += thresholds[n] <= (int64_t)word;
    return found;
}

/* Queries and targets of a step. */
static void heads(const Replicate *law, int batch, uint32_t step, int *queries, int *targets) {
    for (int first = 0; first < batch; first += 8) {
        const int last = first + 8 < batch ? first + 8 : batch;
        const Wide samples = LANES + (uint64_t)first;
        Wide head[4] = {(Wide){}, samples, (Wide){} + step, (Wide){} + HEAD}, source = {};
        philox(law->key, head);
        for (int sample = first; sample < last; sample++) {
            const int lane = sample - first;
            const int query = queries[sample] = token_of(law, head[0][lane]);
            const int64_t *some = law->sources + query * (SPARSITY - 1);
            source[lane] = law->positions[count_below(some, SPARSITY - 1, head[1][lane]) * N + query];
        }
        Wide block[4] = {source / 4, samples, (Wide){} + step, (Wide){} + CONTEXT};
        philox(law->key, block);
        for (int sample = first; sample < last; sample++) {
            const int lane = sample - first;
            const int token = token_of(law, block[source[lane] % 4][lane]);
            targets[sample] = count_below(law->targets + token * (N - 1), N - 1, head[2][lane]);
        }
    }
}

/* A step of one replicate. */
static void step_replicate(const Replicate *law, int batch, uint32_t step, float value[N][N],
                           float columns[N][4][PLANE], float value_gradient[N][N],
                           float *column_gradients) {
    static uint16_t codes[4][ROOM];
    static float gradient[4][PLANE], banks[4][CODES], table[CODES];
    float added[DIGITS][N], weights[DIGITS][N];
    float sums[batch][N], residuals[batch][N];
    int queries[batch], targets[batch], order[batch], starts[N + 1], next[N];

    heads(law, batch, step, queries, targets);
    memset(starts, 0, sizeof starts);
    for (int sample = 0; sample < batch; sample++) starts[queries[sample] + 1]++;
    for (int n = 0; n < N; n++) starts[n + 1] += starts[n];
    memcpy(next, starts, sizeof next);
    for (int sample = 0; sample < batch; sample++) order[next[queries[sample]]++] = sample;

    for (int query = 0; query < N; query++) {
        if (starts[query] == starts[query + 1]) continue; /* its gradient is 0 */
        memset(gradient, 0, sizeof gradient);
        for (int at = starts[query]; at < starts[query + 1]; at += DIGITS) {
            const int left = starts[query + 1] - at, digits = left < DIGITS ? left : DIGITS;
            for (int digit = 0; digit < digits; digit++)
                generate(law, order[at + digit], step, digit, codes);
            add_up(columns[query], codes, digits, banks, added);
            for (int digit = 0; digit < digits; digit++) {
                const int sample = order[at + digit];
                memcpy(sums[sample], added[digit], sizeof added[digit]);
                residual(value, added[digit], targets[sample], batch, residuals[sample],
                         weights[digit]);
            }
            look_up(weights, digits, codes, table, gradient);
        }
        if (column_gradients)
            memcpy(column_gradients + (int64_t)query * T, gradient, sizeof gradient);
        step_column(law->attention_rate / law->mu[query], gradient, columns[query]);
    }
    for (int m = 0; m < N; m++) {
        float row[N];
        memset(row, 0, sizeof row);
        for (int sample = 0; sample < batch; sample++)
            for (int n = 0; n < N; n++) row[n] += sums[sample][m] * residuals[sample][n];
        for (int n = 0; n < N; n++) value_gradient[m][n] = row[n] / batch;
    }
}

/* `count` steps of R replicates, from step `first` on. The last gradients of V are left in
value_gradients (R, N, N), transposed; those of A, where there is room for them, in
column_gradients (R, N, T), zero before, in planes. */
void steps(const Replicate *laws, int replicates, int batch, uint32_t first, int count,
           float *values, float *columns, float *value_gradients, float *column_gradients) {
    for (int step = 0; step < count; step++)
        for (int64_t r = 0; r < replicates; r++) {
            float(*value)[N] = (float(*)[N])(values + r * N * N);
            float(*gradient)[N] = (float(*)[N])(value_gradients + r * N * N);
            step_replicate(&laws[r], batch, first + step, value,
                           (float(*)[4][PLANE])(columns + r * N * T), gradient,
                           column_gradients ? column_gradients + r * N * T : 0);
            step_value(&laws[r], gradient, value);
        }
}
