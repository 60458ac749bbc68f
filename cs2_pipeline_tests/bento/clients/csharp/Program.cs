// Calls every method of the client and prints what came back, one line each. Arguments: the service's address, and that
// of one which turns the first attempts away, answers one and is silent from then on.

using System;
using System.Globalization;
using System.Net.Http;
using System.Threading;
using Cs2Predictions;

public static class Program
{
    public static int Main(string[] arguments)
    {
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
        Thread.CurrentThread.CurrentCulture = CultureInfo.InvariantCulture;
        var options = new Cs2PredictionsOptions { BaseAddress = new Uri(arguments[0]), Timeout = TimeSpan.FromSeconds(20), Retries = 1 };
        var client = new Cs2PredictionsClient(new HttpClient(), options);
        var state = new RoundState
        {
            CtAlive = 4, TAlive = 3, CtEquipValue = 20000, TEquipValue = 15000, CtMoney = 8000, TMoney = 4000,
            BombPlanted = 0, TimeRemaining = 90, CtScore = 7, TScore = 8, MapName = "de_mirage", CtHealth = 320.5,
        };
        var player = new PlayerRecord
        {
            AvgKills = 18.5, AvgDeaths = 15.2, AvgHeadshots = 8.1, AvgDamage = 1850, TotalClutches = 12,
            TotalClutchAttempts = 40, AvgFirstKills = 2.1, TotalRounds = 480,
        };
        var round = client.PredictRoundAsync(state).Result;
        Console.WriteLine("round {0} {1} {2} {3} {4} v{5}", round.CtWinProbability, round.TWinProbability, round.PredictedWinner,
            round.CtWinInterval[0], round.CtWinInterval[1], round.ModelVersion);
        var rounds = client.PredictRoundsAsync(new[] { state, state }).Result;
        Console.WriteLine("rounds {0} v{1}", rounds.Predictions.Count, rounds.ModelVersion);
        var skill = client.ClassifyPlayerAsync(player).Result;
        Console.WriteLine("player {0} {1} {2}", skill.SkillLevel, skill.Confidence, skill.Scores["Advanced"]);
        player.TotalRounds = 40;
        var newcomer = client.ClassifyPlayersAsync(new[] { player }).Result.Predictions[0];
        Console.WriteLine("newcomer {0} {1}", newcomer.SkillLevel == null, newcomer.Reason);
        state.CtAlive = 9;
        try { client.PredictRoundAsync(state).Wait(); }
        catch (AggregateException error) { Console.WriteLine("refused {0}", error.InnerException.Message); }
        try { client.PredictRoundAsync(state, new CancellationToken(true)).Wait(); }
        catch (AggregateException error) { Console.WriteLine("cancelled {0}", error.InnerException is OperationCanceledException); }
        WithDifficulties(new Uri(arguments[1]), state);
        return 0;
    }

    private static void WithDifficulties(Uri address, RoundState state)
    {
        var options = new Cs2PredictionsOptions { BaseAddress = address, Timeout = TimeSpan.FromSeconds(20) };
        var patient = new Cs2PredictionsClient(new HttpClient(), options);
        Console.WriteLine("after retries {0}", patient.PredictRoundAsync(state).Result.PredictedWinner);
        var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        try { patient.PredictRoundAsync(state, cancellation.Token).Wait(); }
        catch (AggregateException error) { Console.WriteLine("cancelled while waiting {0}", error.InnerException is OperationCanceledException); }
        options.Timeout = TimeSpan.FromMilliseconds(200);
        try { patient.PredictRoundAsync(state).Wait(); }
        catch (AggregateException error) { Console.WriteLine("timeout {0}", error.InnerException is TimeoutException); }
    }
}
