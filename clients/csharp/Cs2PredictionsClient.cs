// Client of the Counter-Strike 2 prediction service, in one file: copy it into a project.
// Needs System.Text.Json 4.7 or newer: part of .NET Core 3.1, .NET 5 and later, a package for .NET Standard 2.0. C# 7.3.

using System;
using System.Collections.Generic;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace Cs2Predictions
{
    /// <summary>A round at a moment. Money and equipment are team sums in dollars; null means not known.</summary>
    public sealed class RoundState
    {
        public int CtAlive { get; set; }
        public int TAlive { get; set; }
        public double CtEquipValue { get; set; }
        public double TEquipValue { get; set; }
        public double CtMoney { get; set; }
        public double TMoney { get; set; }
        /// <summary>1 once the bomb is planted, else 0.</summary>
        public int BombPlanted { get; set; }
        /// <summary>Seconds left on the round clock, or until the explosion once the bomb is planted.</summary>
        public double TimeRemaining { get; set; }
        /// <summary>Rounds won before this one.</summary>
        public int CtScore { get; set; }
        public int TScore { get; set; }

        public string MapName { get; set; }
        public double? CtHealth { get; set; }
        public double? THealth { get; set; }
        public double? CtArmor { get; set; }
        public double? TArmor { get; set; }
        public int? CtHelmets { get; set; }
        public int? THelmets { get; set; }
        public int? CtDefuseKits { get; set; }

        /// <summary>Your own identifiers, kept in the service's prediction log.</summary>
        public string MatchId { get; set; }
        public string RoundId { get; set; }
    }

    public sealed class RoundPrediction
    {
        public double CtWinProbability { get; set; }
        public double TWinProbability { get; set; }
        /// <summary>"CT" or "T".</summary>
        public string PredictedWinner { get; set; }
        /// <summary>The predicted winner's probability.</summary>
        public double Confidence { get; set; }
        /// <summary>Lower and upper bound of the CT side's probability.</summary>
        public double[] CtWinInterval { get; set; }
        /// <summary>Values given that the model ignores, because they never varied in its training; null for none.</summary>
        public List<string> IgnoredInputs { get; set; }
        /// <summary>The version that computed it; null inside a batch, which has one for all.</summary>
        public string ModelVersion { get; set; }
    }

    public sealed class RoundPredictions
    {
        /// <summary>In the order of the states.</summary>
        public List<RoundPrediction> Predictions { get; set; }
        public string ModelVersion { get; set; }
    }

    /// <summary>A player's record over a window of matches. Those that are null are derived where the rest gives them.</summary>
    public sealed class PlayerRecord
    {
        public double AvgKills { get; set; }
        public double AvgDeaths { get; set; }
        public double AvgHeadshots { get; set; }
        public double AvgDamage { get; set; }
        public int TotalClutches { get; set; }
        public int TotalClutchAttempts { get; set; }
        public double AvgFirstKills { get; set; }
        public int TotalRounds { get; set; }
        public double? KdRatio { get; set; }
        public double? HeadshotPct { get; set; }
        public double? ClutchRate { get; set; }
        public double? Adr { get; set; }
    }

    public sealed class PlayerPrediction
    {
        /// <summary>Beginner, Intermediate, Advanced or Pro; null with a Reason when there are not enough rounds yet.</summary>
        public string SkillLevel { get; set; }
        public double? Confidence { get; set; }
        public Dictionary<string, double> Scores { get; set; }
        public string Reason { get; set; }
        public string ModelVersion { get; set; }
    }

    public sealed class PlayerPredictions
    {
        public List<PlayerPrediction> Predictions { get; set; }
        public string ModelVersion { get; set; }
    }

    public sealed class FieldError
    {
        public string Field { get; set; }
        public string Message { get; set; }
    }

    /// <summary>RFC 9457 problem document.</summary>
    public sealed class Problem
    {
        public string Type { get; set; }
        public string Title { get; set; }
        public int Status { get; set; }
        public string Detail { get; set; }
        /// <summary>The wrong fields, for status 422.</summary>
        public List<FieldError> Errors { get; set; }
    }

    /// <summary>The service answered, and did not predict.</summary>
    public sealed class PredictionException : Exception
    {
        public PredictionException(int status, Problem problem)
            : base(Describe(status, problem))
        {
            Status = status;
            Problem = problem;
        }

        public int Status { get; }
        /// <summary>What the service said; null when something in between answered.</summary>
        public Problem Problem { get; }

        private static string Describe(int status, Problem problem)
        {
            if (problem == null) return "HTTP " + status;
            var text = new StringBuilder().Append("HTTP ").Append(status).Append(": ").Append(problem.Detail);
            foreach (var error in problem.Errors ?? new List<FieldError>())
                text.Append("; ").Append(error.Field).Append(": ").Append(error.Message);
            return text.ToString();
        }
    }

    public sealed class Cs2PredictionsOptions
    {
        /// <summary>May end in a path, where the service stands behind a proxy.</summary>
        public Uri BaseAddress { get; set; } = new Uri("http://localhost:8000");
        /// <summary>Sent as X-API-Key when set.</summary>
        public string ApiKey { get; set; }
        /// <summary>For one attempt.</summary>
        public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);
        /// <summary>Further attempts after 429, 503 or a broken connection. A prediction changes nothing, so repeating is safe.</summary>
        public int Retries { get; set; } = 3;
        /// <summary>Longest wait between attempts, whatever Retry-After says.</summary>
        public TimeSpan LongestWait { get; set; } = TimeSpan.FromSeconds(5);
    }

    /// <summary>Thread-safe; make one and keep it, or register it with AddHttpClient.</summary>
    public sealed class Cs2PredictionsClient
    {
        private static readonly JsonSerializerOptions Json = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        };

        private readonly HttpClient http;
        private readonly Cs2PredictionsOptions options;

        public Cs2PredictionsClient(HttpClient http, Cs2PredictionsOptions options = null)
        {
            this.http = http ?? throw new ArgumentNullException(nameof(http));
            this.options = options ?? new Cs2PredictionsOptions();
        }

        public Task<RoundPrediction> PredictRoundAsync(RoundState state, CancellationToken cancellation = default(CancellationToken))
        {
            return PostAsync<RoundPrediction>("/predict/round", state, cancellation);
        }

        /// <summary>1 to 10,000 states.</summary>
        public Task<RoundPredictions> PredictRoundsAsync(
            IEnumerable<RoundState> states, CancellationToken cancellation = default(CancellationToken))
        {
            var body = new Dictionary<string, List<RoundState>> { { "states", new List<RoundState>(states) } };
            return PostAsync<RoundPredictions>("/predict/rounds", body, cancellation);
        }

        public Task<PlayerPrediction> ClassifyPlayerAsync(
            PlayerRecord player, CancellationToken cancellation = default(CancellationToken))
        {
            return PostAsync<PlayerPrediction>("/classify/player", player, cancellation);
        }

        /// <summary>1 to 10,000 players.</summary>
        public Task<PlayerPredictions> ClassifyPlayersAsync(
            IEnumerable<PlayerRecord> players, CancellationToken cancellation = default(CancellationToken))
        {
            var body = new Dictionary<string, List<PlayerRecord>> { { "players", new List<PlayerRecord>(players) } };
            return PostAsync<PlayerPredictions>("/classify/players", body, cancellation);
        }

        private async Task<T> PostAsync<T>(string path, object body, CancellationToken cancellation)
        {
            var content = JsonSerializer.Serialize(body, body.GetType(), Json);
            for (var attempt = 0; ; attempt++)
            {
                var last = attempt >= options.Retries;
                TimeSpan wait;
                try
                {
                    using (var response = await SendAsync(path, content, cancellation).ConfigureAwait(false))
                    {
                        var text = await response.Content.ReadAsStringAsync().ConfigureAwait(false);
                        if (response.IsSuccessStatusCode) return JsonSerializer.Deserialize<T>(text, Json);
                        var status = (int)response.StatusCode;
                        if (last || (status != 429 && status != 503)) throw new PredictionException(status, ReadProblem(text));
                        wait = WaitAfter(response.Headers.RetryAfter, attempt);
                    }
                }
                catch (HttpRequestException) when (!last)
                {
                    wait = WaitAfter(null, attempt);
                }
                await Task.Delay(wait, cancellation).ConfigureAwait(false);
            }
        }

        private async Task<HttpResponseMessage> SendAsync(string path, string content, CancellationToken cancellation)
        {
            using (var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation))
            using (var request = new HttpRequestMessage(HttpMethod.Post, new Uri(options.BaseAddress.AbsoluteUri.TrimEnd('/') + path)))
            {
                limit.CancelAfter(options.Timeout);
                request.Content = new StringContent(content, Encoding.UTF8, "application/json");
                if (options.ApiKey != null) request.Headers.Add("X-API-Key", options.ApiKey);
                try
                {
                    return await http.SendAsync(request, limit.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
                {
                    throw new TimeoutException("The prediction service did not answer within " + options.Timeout);
                }
            }
        }

        private TimeSpan WaitAfter(RetryConditionHeaderValue retryAfter, int attempt)
        {
            var wait = retryAfter?.Delta ?? TimeSpan.FromMilliseconds(100 * Math.Pow(2, attempt));
            return wait < options.LongestWait ? wait : options.LongestWait;
        }

        private static Problem ReadProblem(string text)
        {
            try
            {
                return JsonSerializer.Deserialize<Problem>(text, Json);
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }
}
